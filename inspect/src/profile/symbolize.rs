//! Names for a profile that was saved without them, in production or by another tool: from files with the build-ids
//! that the profile states.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use rgops_dwarf::{ReadAt as _, read_range};
use rgops_pprof::ReadError;
use rgops_pprof::proto::{Function, Line, Location, Profile};
use rgops_protocol::reply::Module;

use crate::budget::{Budget, Exhausted, MOST_MODULES};
use crate::code::{Mapped, NamedModule};
use crate::files::{Place, within};
use crate::symbols::files::Finder;
use crate::symbols::{Frame, ModuleSymbols, Symbolizer};

/// Maximum length of a file with a profile.
const LARGEST_FILE: u64 = 512 << 20;

/// Why a profile has no names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SymbolizeError {
    /// The file cannot be opened or read.
    #[error("{0}")]
    Unreadable(String),
    /// It is not a profile.
    #[error(transparent)]
    NotAProfile(#[from] ReadError),
    /// Memory or time did not suffice.
    #[error("{0}")]
    Exhausted(Exhausted),
}

/// A profile with the names that were found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Symbolized {
    /// The profile.
    pub profile: Profile,
    /// Its modules with addresses.
    pub modules: Vec<NamedModule>,
}

/// Reads a profile and names its functions from the files in `directories`, and those that its mappings name on this
/// host if they are the same build.
///
/// # Errors
/// [`SymbolizeError`].
pub fn symbolize(
    file: &Path,
    directories: &[PathBuf],
    budget: &Budget,
) -> Result<Symbolized, SymbolizeError> {
    let unreadable = |why: String| SymbolizeError::Unreadable(why);
    let (place, own) = (Place::Trusted(file.to_owned()), budget.clone());
    let read = move || {
        let file = place.open().map_err(|error| error.to_string())?;
        if file.length() > LARGEST_FILE {
            return Err(format!("it is larger than {} MB", LARGEST_FILE >> 20));
        }
        Ok(read_range(&file, 0, file.length(), &own)?)
    };
    let (bytes, charge) = within(budget, read)
        .and_then(|read| read.map_err(Into::into))
        .map_err(|why| unreadable(why.into()))?;
    let profile = rgops_pprof::read(&bytes)?;
    drop((bytes, charge));
    Naming::new(profile, directories, budget)?.run().map_err(SymbolizeError::Exhausted)
}

/// Bytes charged for a location and for a new function.
const LOCATION_BYTES: u64 = 512;

struct Naming {
    profile: Profile,
    budget: Budget,
    symbolizer: Symbolizer,
    texts: HashMap<String, i64>,
    functions: HashMap<[i64; 3], u64>,
    next: u64,
    modules: Vec<NamedModule>,
}

impl Naming {
    fn new(profile: Profile, directories: &[PathBuf], budget: &Budget) -> Result<Naming, SymbolizeError> {
        let finder = Finder::new(None, directories, budget);
        let text = |index: i64| profile.string_table.get(index as usize).map_or("", String::as_str);
        let mappings = profile.mapping.iter().take(MOST_MODULES);
        let modules: Vec<Module> = mappings
            .map(|mapping| {
                let mapped = Mapped {
                    start: mapping.memory_start,
                    limit: mapping.memory_limit,
                    offset: mapping.file_offset,
                    path: text(mapping.filename),
                    build_id: text(mapping.build_id),
                };
                mapped.module(&finder, budget)
            })
            .collect();
        budget.check_time().map_err(SymbolizeError::Exhausted)?;
        let symbolizer = Symbolizer::with_budget(&modules, None, directories, budget);
        let texts = profile.string_table.iter().enumerate();
        let texts = texts.map(|(index, text)| (text.clone(), index as i64)).collect();
        let next = profile.function.iter().map(|function| function.id).max().unwrap_or(0);
        let (budget, functions) = (budget.clone(), HashMap::new());
        Ok(Naming { profile, budget, symbolizer, texts, functions, next, modules: Vec::new() })
    }

    fn run(mut self) -> Result<Symbolized, Exhausted> {
        let files: HashMap<u64, i64> =
            self.profile.function.iter().map(|function| (function.id, function.filename)).collect();
        let mut locations = std::mem::take(&mut self.profile.location);
        for mapping in 0..self.profile.mapping.len() {
            let id = self.profile.mapping[mapping].id;
            let own: Vec<&mut Location> =
                locations.iter_mut().filter(|location| location.mapping_id == id).collect();
            let (mut had_lines, mut named, addresses) = (0, 0, own.len());
            let mut symbols = None;
            for location in own {
                self.budget.check_time()?;
                let has_lines = |line: &Line| files.get(&line.function_id).is_some_and(|file| *file != 0);
                if location.line.iter().any(has_lines) {
                    had_lines += 1;
                    continue;
                }
                // The address is already within the call (profile.proto).
                let frames = self.symbolizer.shared_frames(location.address, false);
                symbols = self.symbolizer.symbols_of(location.address).cloned().or(symbols);
                if frames.iter().all(|frame| frame.function.is_none()) {
                    continue;
                }
                self.budget.charge(LOCATION_BYTES * (1 + frames.len() as u64))?;
                named += 1;
                location.line = frames.iter().map(|frame| self.line(frame)).collect();
            }
            let of = &mut self.profile.mapping[mapping];
            if named > 0 {
                of.has_functions |= named + had_lines == addresses;
                of.has_filenames = true;
                of.has_line_numbers = true;
                of.has_inline_frames = true;
            }
            let text =
                |index: i64| self.profile.string_table.get(index as usize).cloned().unwrap_or_default();
            let (path, build_id) = (text(of.filename), text(of.build_id));
            let nothing = || ModuleSymbols {
                module: path.clone(),
                file: None,
                detail: crate::symbols::Detail::Nothing,
                reason: String::new(),
                fix: String::new(),
            };
            let symbols = ModuleSymbols { module: path.clone(), ..symbols.unwrap_or_else(nothing) };
            if addresses > 0 {
                self.modules.push(NamedModule { build_id, addresses, had_lines, named, symbols });
            }
        }
        let used: HashSet<u64> =
            locations.iter().flat_map(|location| &location.line).map(|line| line.function_id).collect();
        self.profile.function.retain(|function| used.contains(&function.id));
        self.profile.location = locations;
        Ok(Symbolized { profile: self.profile, modules: self.modules })
    }

    fn line(&mut self, frame: &Frame) -> Line {
        let name = self.text(&frame.name());
        // See `Locations::line`.
        let system_name = frame.mangled.as_deref().map_or(0, |mangled| self.text(mangled));
        let filename = frame.file.as_deref().map_or(0, |file| self.text(file));
        let key = [name, system_name, filename];
        let function_id = match self.functions.get(&key) {
            Some(id) => *id,
            None => {
                self.next += 1;
                let function = Function { id: self.next, name, system_name, filename, ..Function::default() };
                self.profile.function.push(function);
                self.functions.insert(key, self.next);
                self.next
            }
        };
        let (line, column) = (frame.line.map_or(0, i64::from), frame.column.map_or(0, i64::from));
        Line { function_id, line, column }
    }

    fn text(&mut self, text: &str) -> i64 {
        if let Some(index) = self.texts.get(text) {
            return *index;
        }
        let index = self.profile.string_table.len() as i64;
        self.profile.string_table.push(text.to_owned());
        self.texts.insert(text.to_owned(), index);
        index
    }
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    #[expect(clippy::unwrap_used, reason = "tests")]
    fn a_saved_profile_gets_its_names_by_build_id() {
        use super::*;
        use crate::budget;
        use crate::symbols::Detail;
        use crate::text::hex;
        use rgops_dwarf::elf::Elf;
        use rgops_pprof::proto::{Mapping, Sample, ValueType};

        #[inline(never)]
        fn a_function_of_the_profile(number: u32) -> u32 {
            std::hint::black_box(number) + 1
        }

        /// A profile of this test program, with one address and no names, saved in a folder.
        fn saved(folder: &Path, build_id: &str) -> PathBuf {
            a_function_of_the_profile(1);
            let address = a_function_of_the_profile as fn(u32) -> u32 as usize as u64 + 1;
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let own = std::env::current_exe().unwrap().display().to_string();
            // The mapping with the code, as the tools of Linux write it: not the first of the file.
            let line = maps.lines().find(|line| line.ends_with(&own) && line.contains(" r-xp ")).unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let number = |text: &str| u64::from_str_radix(text, 16).unwrap();
            let (start, end) = words[0].split_once('-').unwrap();
            let mut tables = rgops_pprof::write::Tables::new();
            let mapping = Mapping {
                memory_start: number(start),
                memory_limit: number(end),
                file_offset: number(words[2]),
                filename: tables.text("some-other-name"),
                build_id: tables.text(build_id),
                ..Mapping::default()
            };
            let mapping_id = tables.add_mapping(mapping);
            let name = tables.text("some-other-name+0x1000");
            let function_id = tables.add_function(Function { name, ..Function::default() });
            let line = vec![Line { function_id, ..Line::default() }];
            let location = tables.add_location(Location { mapping_id, address, line, ..Location::default() });
            let cpu = ValueType { r#type: tables.text("cpu"), unit: tables.text("nanoseconds") };
            let sample = Sample { location_id: vec![location], value: vec![1], label: Vec::new() };
            let profile =
                Profile { sample_type: vec![cpu], sample: vec![sample], ..tables.into_profile(None) };
            let file = folder.join("saved.pb.gz");
            std::fs::write(&file, rgops_pprof::write::encode(&profile)).unwrap();
            file
        }

        let folder = std::env::temp_dir().join(format!("rgops-symbolize-{}", std::process::id()));
        let kept = folder.join("kept");
        std::fs::create_dir_all(&kept).unwrap();
        let own = std::env::current_exe().unwrap();
        std::fs::copy(&own, kept.join("renamed.debug")).unwrap();
        let bytes = std::fs::read(&own).unwrap();
        let budget = budget::standard();
        let id = hex(&Elf::read(&bytes[..], &budget).unwrap().build_id(&bytes[..], &budget));

        let found = symbolize(&saved(&folder, &id), std::slice::from_ref(&kept), &budget).unwrap();
        let [module] = &found.modules[..] else { panic!("{found:?}") };
        assert_eq!((module.addresses, module.had_lines, module.named), (1, 0, 1), "{module:?}");
        assert_eq!(module.symbols.detail, Detail::Lines);
        let names: Vec<&str> = found
            .profile
            .function
            .iter()
            .map(|function| &*found.profile.string_table[function.name as usize])
            .collect();
        assert_eq!(
            names,
            [
                "rgops_inspect::profile::symbolize::tests::a_saved_profile_gets_its_names_by_build_id::a_function_of_the_profile"
            ]
        );
        assert!(rgops_pprof::read(&rgops_pprof::write::encode(&found.profile)).is_ok());

        // A file with nothing but debug information, which states other offsets.
        let debug = kept.join("renamed.debug");
        std::fs::remove_file(&debug).unwrap();
        let mut objcopy = std::process::Command::new("objcopy");
        assert!(objcopy.arg("--only-keep-debug").args([&own, &debug]).status().unwrap().success());
        let same = symbolize(&saved(&folder, &id), std::slice::from_ref(&kept), &budget).unwrap();
        let text = |index: i64| &*same.profile.string_table[index as usize];
        let same: Vec<&str> = same.profile.function.iter().map(|function| text(function.name)).collect();
        assert_eq!(same, names);

        // Another build: nothing is named, and what was looked at is said.
        let found =
            symbolize(&saved(&folder, &"ab".repeat(20)), std::slice::from_ref(&kept), &budget).unwrap();
        let [module] = &found.modules[..] else { panic!("{found:?}") };
        assert_eq!((module.named, found.profile.function.len()), (0, 1));
        assert!(
            module.symbols.reason.contains("has 1 ELF file and none with its build-id abababababab…"),
            "{module:?}"
        );
        // Not a profile.
        std::fs::write(folder.join("text"), "text").unwrap();
        assert!(symbolize(&folder.join("text"), &[], &budget).is_err());
        assert!(symbolize(&folder.join("absent"), &[], &budget).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
