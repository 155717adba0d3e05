//! Source files and object files for reports.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rgops_dwarf::{Budget, Exhausted};
use rgops_pprof::environment::{Code, Environment, Instruction, ObjectFile};
use rgops_pprof::{Settings, Stop};

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
    objects: Mutex<HashMap<Key, Slot<Arc<Object>>>>,
    sources: Mutex<Sources>,
}

/// What one file gave. It is locked while the file is opened, so that a slow file does not delay the others.
type Slot<T> = Arc<Mutex<Option<Result<T, String>>>>;

/// Path, build-id, start, limit and offset of a mapping.
type Key = (String, String, [u64; 3]);

#[derive(Default)]
struct Sources {
    /// By file, `source_path` and `trim_path`.
    files: HashMap<[String; 3], Slot<Arc<str>>>,
    bytes: usize,
}

impl Files {
    /// Files as `settings` lead to them, read within `budget`.
    pub fn new(settings: FileSettings, budget: &Budget) -> Files {
        Files { settings, budget: budget.clone(), objects: Mutex::default(), sources: Mutex::default() }
    }

    fn object(&self, file: &ObjectFile<'_>) -> Result<Arc<Object>, String> {
        let mapping = file.mapping;
        let key =
            (file.path.to_owned(), file.build_id.to_owned(), [mapping.start, mapping.limit, mapping.offset]);
        let slot = {
            let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
            if objects.len() >= MOST_OBJECTS && !objects.contains_key(&key) {
                objects.clear();
            }
            objects.entry(key).or_default().clone()
        };
        let mapped = Mapped {
            start: mapping.start,
            limit: mapping.limit,
            offset: mapping.offset,
            path: file.path,
            build_id: file.build_id,
        };
        self.once(&slot, || {
            let finders = Finders::new(&self.settings, &self.budget);
            Object::open(&mapped, &self.settings, &finders, &self.budget).map(Arc::new)
        })
    }

    /// What is in the slot, or what `open` gives, which is kept unless it may be better next time.
    fn once<T: Clone>(&self, slot: &Slot<T>, open: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = &*slot {
            return opened.clone();
        }
        let opened = open();
        let is_passing = |why: &String| {
            let limits = [self.budget.exhausted().to_string(), Exhausted::Time.to_string()];
            limits.iter().any(|limit| why.contains(limit)) || why.contains("does not answer")
        };
        if !opened.as_ref().is_err_and(is_passing) {
            *slot = Some(opened.clone());
        }
        opened
    }
}

impl Environment for Files {
    fn source(&self, file: &str, settings: &Settings) -> Result<String, String> {
        let key = [file, &settings.source_path, &settings.trim_path].map(str::to_owned);
        let slot = {
            let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
            let is_full = sources.files.len() >= MOST_SOURCES || sources.bytes > MOST_SOURCE_BYTES;
            if is_full && !sources.files.contains_key(&key) {
                *sources = Sources::default();
            }
            sources.files.entry(key).or_default().clone()
        };
        let mut length = 0;
        let text = self.once(&slot, || {
            let read = sources::read(file, settings, &self.settings, &self.budget)?;
            length = read.len();
            Ok(Arc::from(read))
        });
        if length > 0 {
            let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
            sources.bytes = sources.bytes.saturating_add(length);
        }
        text.map(|text: Arc<str>| text.to_string())
    }

    fn code(
        &self,
        mapping: &ObjectFile<'_>,
        is_wanted: Option<&dyn Fn(&str) -> bool>,
        address: Option<u64>,
        stop: Stop<'_>,
    ) -> Result<Vec<Code>, String> {
        self.object(mapping)?.functions(is_wanted, address, stop)
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
        stop: Stop<'_>,
    ) -> Result<Vec<Instruction>, String> {
        let syntax = if intel_syntax { Syntax::Intel } else { Syntax::Att };
        self.object(mapping)?.instructions(start, end, syntax, stop)
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Files").field("settings", &self.settings).finish_non_exhaustive()
    }
}
