//! Source files and object files for reports.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rgops_dwarf::Budget;
use rgops_pprof::Settings;
use rgops_pprof::environment::{Code, Environment, Instruction, ObjectFile};

use super::located::Finders;
use super::mapped::Mapped;
use super::object::Object;
use super::settings::FileSettings;
use super::sources;
use super::x86::Syntax;

/// Object files that are open at once.
const MOST_OBJECTS: usize = 256;
/// Source files that are kept, and their bytes.
const MOST_SOURCES: usize = 1024;
const MOST_SOURCE_BYTES: usize = 128 << 20;

/// Reads source files and object files for reports; see [`FileSettings`] for where they are searched.
///
/// Files are opened once: a report sees the same file even if it is replaced meanwhile.
pub struct Files {
    settings: FileSettings,
    budget: Budget,
    objects: Mutex<HashMap<Key, Opened>>,
    sources: Mutex<Sources>,
}

/// Path, build-id, start, limit and offset of a mapping.
type Key = (String, String, [u64; 3]);
type Opened = Result<Arc<Object>, String>;

#[derive(Default)]
struct Sources {
    /// By file, `source_path` and `trim_path`.
    files: HashMap<[String; 3], Result<Arc<str>, String>>,
    bytes: usize,
}

impl Files {
    /// Files as `settings` lead to them, read within `budget`.
    pub fn new(settings: FileSettings, budget: &Budget) -> Files {
        Files { settings, budget: budget.clone(), objects: Mutex::default(), sources: Mutex::default() }
    }

    fn object(&self, file: &ObjectFile<'_>) -> Opened {
        let mapping = file.mapping;
        let key =
            (file.path.to_owned(), file.build_id.to_owned(), [mapping.start, mapping.limit, mapping.offset]);
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = objects.get(&key) {
            return opened.clone();
        }
        if objects.len() >= MOST_OBJECTS {
            objects.clear();
        }
        let mapped = Mapped {
            start: mapping.start,
            limit: mapping.limit,
            offset: mapping.offset,
            path: file.path,
            build_id: file.build_id,
        };
        let finders = Finders::new(&self.settings, &self.budget);
        let opened = Object::open(&mapped, &self.settings, &finders, &self.budget).map(Arc::new);
        objects.insert(key, opened.clone());
        opened
    }
}

impl Environment for Files {
    fn source(&self, file: &str, settings: &Settings) -> Result<String, String> {
        let key = [file, &settings.source_path, &settings.trim_path].map(str::to_owned);
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sources.files.get(&key) {
            return known.as_ref().map(|text| text.to_string()).map_err(Clone::clone);
        }
        let read = sources::read(file, settings, &self.settings, &self.budget);
        let length = read.as_ref().map_or(0, String::len);
        if sources.files.len() >= MOST_SOURCES || sources.bytes.saturating_add(length) > MOST_SOURCE_BYTES {
            *sources = Sources::default();
        }
        sources.bytes += length;
        sources.files.insert(key, read.as_ref().map(|text| Arc::from(&**text)).map_err(Clone::clone));
        read
    }

    fn code(
        &self,
        mapping: &ObjectFile<'_>,
        is_wanted: &dyn Fn(&str) -> bool,
        address: Option<u64>,
    ) -> Result<Vec<Code>, String> {
        self.object(mapping)?.functions(is_wanted, address)
    }

    fn bias(&self, mapping: &ObjectFile<'_>) -> Result<u64, String> {
        self.object(mapping).map(|object| object.bias)
    }

    fn instructions(
        &self,
        mapping: &ObjectFile<'_>,
        start: u64,
        end: u64,
        intel_syntax: bool,
    ) -> Result<Vec<Instruction>, String> {
        let syntax = if intel_syntax { Syntax::Intel } else { Syntax::Att };
        self.object(mapping)?.instructions(start, end, syntax)
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Files").field("settings", &self.settings).finish_non_exhaustive()
    }
}
