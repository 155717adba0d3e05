//! Finds the file with a module's names: checks candidates in order against the build-id of the running
//! module.
//!
//! Names from another build would be wrong without looking wrong, so a file is used only when its build-id is
//! the module's. For a module without a build-id (some static musl builds) only `/proc/PID/exe` is used,
//! which the kernel ties to the running program, even when the file on disk was replaced or deleted
//! (proc(5)).
//!
//! An answer is trusted only as far as the kernel confirms it: for a process of this host, only modules that
//! it maps are searched for.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gimli::SectionId;
use rgops_dwarf::elf::Elf;
use rgops_dwarf::{Budget, ReadAt, SplitFiles, Work};
use rgops_protocol::reply::Module;

use crate::files::{Believed, Checked, Place, Process, Root, SplitPlaces, within};
use crate::symbols::module_symbols::Detail;
use crate::text::hex;

/// Directories in which distributions put separate debug information.
const SYSTEM_DEBUG_DIRECTORIES: [&str; 2] = ["/usr/lib/debug", "/lib/debug"];

/// A link consists of a file name and a checksum or a build-id.
const LARGEST_LINK: u64 = 4096;

/// What a file knows about code, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Content {
    Nothing,
    DynamicSymbols,
    SymbolTable,
    DebugInformation,
}

/// An open file of the right build.
#[derive(Debug)]
pub(crate) struct SymbolFile {
    pub(crate) content: Content,
    /// Where it was found; `None` for files opened through `/proc/PID`.
    place: Option<Place>,
    shown: PathBuf,
    /// Kept open: the descriptor still refers to this file after the process has ended.
    file: Arc<Checked>,
    /// The file it shares parts with (`.gnu_debugaltlink`).
    supplement: Option<Arc<Checked>>,
    root: Option<Arc<Root>>,
    directories: Vec<PathBuf>,
}

/// A module's best file, and the reasons why others were refused.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) file: Option<SymbolFile>,
    /// The kernel maps it, without a file: `[vdso]`.
    is_kernels: bool,
    pub(crate) is_executable: bool,
    /// The process does not map it.
    is_not_mapped: bool,
    /// Files of another build, and files that cannot be read.
    refused: Vec<String>,
}

/// Searches for the files of one process's modules.
#[derive(Debug)]
pub(crate) struct Finder {
    looking: Arc<Looking>,
    budget: Budget,
}

#[derive(Debug)]
struct Looking {
    process: Process,
    symbol_directories: Vec<PathBuf>,
    budget: Budget,
}

/// A file that may be the module's.
#[derive(Debug)]
enum Candidate {
    /// `/proc/PID/exe`: the kernel guarantees that the process runs this file.
    Executable,
    /// `/proc/PID/map_files/…`: the same for the mapping from the start to the end address.
    Mapped(String),
    Named(Place),
    /// The file that a debug link names, and the checksum that the link states.
    Linked(Place, u32),
}

impl Finder {
    pub(crate) fn new(local_pid: Option<u32>, symbol_directories: &[PathBuf], budget: &Budget) -> Finder {
        let (symbol_directories, own) = (symbol_directories.to_vec(), budget.clone());
        let process = within(budget, move || Process::of(local_pid)).unwrap_or_default();
        let looking = Looking { process, symbol_directories, budget: own };
        Finder { looking: Arc::new(looking), budget: budget.clone() }
    }

    /// The work limit for a module.
    pub(crate) fn work(&self) -> Work {
        Work::new(&self.budget)
    }

    /// The best file of the module: the first with debug information, otherwise the first with a symbol
    /// table.
    pub(crate) fn find(&self, module: &Module) -> Found {
        let (looking, wanted) = (self.looking.clone(), module.clone());
        within(&self.budget, move || looking.find(&wanted)).unwrap_or_else(|why| Found {
            refused: vec![format!("{}: {why}", module.path)],
            ..Found::default()
        })
    }
}

impl Looking {
    fn find(&self, module: &Module) -> Found {
        // Without `/proc/PID` the executable's name is unknown: a module that is not a library counts as the
        // program.
        let looks_so = self.process.executable().is_none() && !module.path.contains(".so");
        let is_executable = self.is_executable(module);
        let mut found = Found { is_executable: is_executable || looks_so, ..Found::default() };
        // `[vdso]`, `[heap]`, anonymous memory: there is no file. Relative paths have no meaning here.
        if !module.path.starts_with('/') {
            found.is_kernels = true;
            return found;
        }
        let believed = self.process.believes(module);
        if believed == Believed::NotMapped && !is_executable {
            found.is_not_mapped = true;
            return found;
        }
        let mut candidates = VecDeque::from(self.candidates(module, believed));
        let mut linked = Vec::new();
        while let Some(candidate) = candidates.pop_front() {
            match self.open(&candidate, module) {
                Ok(Some((file, link))) => {
                    if let Some((name, checksum)) = link.filter(|(name, _)| !linked.contains(name)) {
                        candidates.extend(self.linked_candidates(module, &name, checksum));
                        linked.push(name);
                    }
                    if found.file.as_ref().is_none_or(|best| best.content < file.content) {
                        found.file = Some(file);
                    }
                    if found.file.as_ref().is_some_and(|best| best.content == Content::DebugInformation) {
                        break;
                    }
                }
                Ok(None) => {}
                Err(reason) if found.refused.contains(&reason) => {}
                Err(reason) => found.refused.push(reason),
            }
        }
        found
    }

    fn is_executable(&self, module: &Module) -> bool {
        self.process.executable().is_some_and(|executable| plain(executable) == plain(&module.path))
    }

    fn candidates(&self, module: &Module, believed: Believed) -> Vec<Candidate> {
        let path = plain(&module.path);
        let mut candidates = Vec::new();
        if self.is_executable(module) {
            candidates.push(Candidate::Executable);
        } else if let Believed::Mapped(range) = believed {
            candidates.push(Candidate::Mapped(range));
        }
        let in_root = self.process.root().cloned().map(|root| Place::InRoot(root, path.into()));
        candidates.extend(in_root.map(Candidate::Named));
        candidates.push(Candidate::Named(Place::Named(path.into())));
        let id = hex(&module.build_id);
        // None for `..` and `/`, which would lead out of the directory.
        let name = Path::new(path).file_name().and_then(OsStr::to_str);
        let trusted = |path: PathBuf| Candidate::Named(Place::Trusted(path));
        for directory in &self.symbol_directories {
            // Without `..`, which would lead out of the directory.
            let is_plain = |part: &std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
            let below: PathBuf = Path::new(path).components().filter(is_plain).collect();
            candidates.push(trusted(directory.join(below)));
            if let Some(name) = name {
                candidates.push(trusted(directory.join(name)));
                candidates.push(trusted(directory.join(format!("{name}.debug"))));
            }
        }
        candidates.extend(self.by_build_id(&id).map(trusted));
        candidates
    }

    /// `.build-id/ab/cdef….debug` in the directories with debug information.
    fn by_build_id(&self, id: &str) -> impl Iterator<Item = PathBuf> + use<'_> {
        let file = (id.len() > 2).then(|| format!(".build-id/{}/{}.debug", &id[..2], &id[2..]));
        let system = SYSTEM_DEBUG_DIRECTORIES.iter().map(Path::new);
        let directories = self.symbol_directories.iter().map(PathBuf::as_path).chain(system);
        file.into_iter().flat_map(move |file| directories.clone().map(move |directory| directory.join(&file)))
    }

    /// The possible places of a debug link's file: beside the program, in `.debug` there, or below the
    /// directories with debug information (GDB's manual, "Debugging Information in Separate Files").
    fn linked_candidates(&self, module: &Module, name: &str, checksum: u32) -> Vec<Candidate> {
        let directory = Path::new(plain(&module.path)).parent().unwrap_or(Path::new("/"));
        let below = directory.strip_prefix("/").unwrap_or(directory);
        let named = |path: PathBuf| {
            let in_root = self.process.root().cloned().map(|root| Place::InRoot(root, path.clone()));
            in_root.into_iter().chain([Place::Named(path)])
        };
        let beside = [directory.join(".debug").join(name), directory.join(name)].into_iter().flat_map(named);
        let system = SYSTEM_DEBUG_DIRECTORIES.iter().map(|system| Path::new(system).join(below));
        let trusted = system.chain(self.symbol_directories.iter().cloned());
        let trusted = trusted.map(|directory| Place::Trusted(directory.join(name)));
        beside.chain(trusted).map(|place| Candidate::Linked(place, checksum)).collect()
    }

    /// Opens a candidate of the right build, and reads its debug link; `None` when there is no such file.
    #[expect(clippy::type_complexity, reason = "a file and the link in it")]
    fn open(
        &self,
        candidate: &Candidate,
        module: &Module,
    ) -> Result<Option<(SymbolFile, Option<(String, u32)>)>, String> {
        let (opened, shown) = match candidate {
            Candidate::Executable => (self.process.open_executable(), self.process.shown("exe")),
            Candidate::Mapped(range) => {
                (self.process.open_mapped(range), self.process.shown(&format!("map_files/{range}")))
            }
            Candidate::Named(place) | Candidate::Linked(place, _) => (place.open(), place.shown()),
        };
        let place = match candidate {
            Candidate::Named(place) | Candidate::Linked(place, _) => Some(place.clone()),
            Candidate::Executable | Candidate::Mapped(_) => None,
        };
        let text = shown.display();
        let file = match opened {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            // Opening these needs a capability; the same file has other names.
            Err(_) if place.is_none() => return Ok(None),
            Err(error) => return Err(format!("{text} cannot be opened: {error}")),
        };
        let elf = Elf::read(&file, &self.budget).map_err(|why| format!("{text}: {why}"))?;
        let build_id = elf.build_id(&file, &self.budget);
        let is_by_checksum = |checksum: u32| checksum_of(&file, &self.budget) == Some(checksum);
        match candidate {
            // Without a build-id the link's checksum decides.
            Candidate::Linked(_, checksum) if module.build_id.is_empty() && is_by_checksum(*checksum) => {}
            Candidate::Linked(..) if module.build_id.is_empty() => {
                return Err(format!("{text} is another build (its checksum differs)"));
            }
            _ if build_id != module.build_id => {
                return Err(format!("{text} is another build (its build-id differs): the file was replaced"));
            }
            Candidate::Named(_) if build_id.is_empty() => {
                return Err(format!(
                    "{text} has no build-id, so it is unknown whether it is the running build"
                ));
            }
            _ => {}
        }
        let link = self.link(&elf, &file);
        let supplement = self.supplement(&elf, &file, place.as_ref(), module);
        let found = SymbolFile {
            content: content(&elf),
            place,
            shown: shown.clone(),
            file: Arc::new(file),
            supplement: supplement.map(Arc::new),
            root: self.process.root().cloned(),
            directories: self.symbol_directories.clone(),
        };
        Ok(Some((found, link)))
    }

    /// The file that debug information was moved to, and its checksum (`.gnu_debuglink`).
    fn link(&self, elf: &Elf, file: &Checked) -> Option<(String, u32)> {
        let bytes = elf.small(file, ".gnu_debuglink", LARGEST_LINK, &self.budget)?;
        let length = bytes.iter().position(|byte| *byte == 0)?;
        let name = std::str::from_utf8(&bytes[..length]).ok()?;
        let checksum = elf.number(&bytes, (length + 1).next_multiple_of(4), 4) as u32;
        // Only a plain name: a path could lead anywhere.
        let is_plain = !name.is_empty() && !name.contains('/') && name != "..";
        is_plain.then(|| (name.to_owned(), checksum))
    }

    /// The file with the parts shared by several files, by its name and build-id (`.gnu_debugaltlink`).
    fn supplement(
        &self,
        elf: &Elf,
        file: &Checked,
        place: Option<&Place>,
        module: &Module,
    ) -> Option<Checked> {
        let bytes = elf.small(file, ".gnu_debugaltlink", LARGEST_LINK, &self.budget)?;
        let length = bytes.iter().position(|byte| *byte == 0)?;
        let name = Path::new(std::str::from_utf8(&bytes[..length]).ok()?);
        let build_id = bytes.get(length + 1..).filter(|id| !id.is_empty())?;
        let own = Place::Named(plain(&module.path).into());
        let beside = place.unwrap_or(&own).beside(name);
        let trusted = self.by_build_id(&hex(build_id)).map(Place::Trusted);
        std::iter::once(beside).chain(trusted).find_map(|place| {
            let file = place.open().ok()?;
            let elf = Elf::read(&file, &self.budget).ok()?;
            (elf.build_id(&file, &self.budget) == build_id).then_some(file)
        })
    }
}

/// The checksum of a whole file, as used by debug links.
fn checksum_of(file: &Checked, budget: &Budget) -> Option<u32> {
    let mut checksum = flate2::Crc::new();
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    while at < file.length() {
        budget.check_time().ok()?;
        let piece = (file.length() - at).min(buffer.len() as u64);
        let piece = &mut buffer[..piece as usize];
        file.read_exact_at(piece, at).ok()?;
        checksum.update(piece);
        at += piece.len() as u64;
    }
    Some(checksum.sum())
}

/// A path without the mark that the kernel appends when the file is gone.
pub(crate) fn plain(path: &str) -> &str {
    path.strip_suffix(" (deleted)").unwrap_or(path)
}

fn content(elf: &Elf) -> Content {
    let has = |name: &str| elf.find(name).is_some_and(|section| section.has_bytes());
    if has(".debug_info") || has(".zdebug_info") {
        Content::DebugInformation
    } else if has(".symtab") {
        Content::SymbolTable
    } else if has(".dynsym") {
        Content::DynamicSymbols
    } else {
        Content::Nothing
    }
}

impl SymbolFile {
    /// Where it was found, for messages.
    pub(crate) fn path(&self) -> PathBuf {
        self.shown.clone()
    }

    /// The opened file, whatever happened to its name.
    pub(crate) fn opened(&self) -> &Arc<Checked> {
        &self.file
    }

    pub(crate) fn supplement(&self) -> Option<&Arc<Checked>> {
        self.supplement.as_ref()
    }

    /// The possible places of its split debug information. The paths are those of the process's mount
    /// namespace, or of the build machine.
    pub(crate) fn split_files(&self, module: &Module, wanted: &'static [SectionId]) -> SplitFiles {
        let path = Path::new(plain(&module.path));
        let in_root = self.root.clone().map(|root| Place::InRoot(root, path.to_owned()));
        let named = [Some(Place::Named(path.to_owned())), self.place.clone()];
        let mut beside: Vec<_> = in_root.into_iter().chain(named.into_iter().flatten()).collect();
        if let Some(name) = path.file_name() {
            let in_directories = self.directories.iter().map(|directory| directory.join(name));
            beside.extend(in_directories.map(Place::Trusted));
        }
        let (root, directories) = (self.root.clone(), self.directories.clone());
        SplitFiles::new(Box::new(SplitPlaces { beside, root, directories }), wanted)
    }
}

impl Found {
    /// Why names are incomplete, and how to complete them.
    pub(super) fn explain(&self, detail: Detail) -> (String, String) {
        let profile = "in the program's Cargo.toml, under [profile.release]:";
        let refused = self.refused.join("; ");
        match detail {
            Detail::Lines => (String::new(), String::new()),
            Detail::Nothing if self.is_kernels => {
                ("it is mapped by the kernel and has no file".to_owned(), String::new())
            }
            Detail::Nothing if self.is_not_mapped => {
                ("it is not mapped by the process, so its file is not opened".to_owned(), String::new())
            }
            Detail::Nothing if self.file.is_none() && !refused.is_empty() => {
                (refused, "pass --symbols DIR with the file of the running build".to_owned())
            }
            Detail::Nothing if self.file.is_none() => (
                "its file is not on this host".to_owned(),
                "pass --symbols DIR with the file of the running build".to_owned(),
            ),
            Detail::Nothing | Detail::ExportedFunctions if self.is_executable => (
                "no symbols: the binary is stripped".to_owned(),
                format!(
                    "{profile} strip = false and debug = 1; or pass --symbols DIR with the unstripped file"
                ),
            ),
            Detail::Nothing | Detail::ExportedFunctions => (
                "the library is stripped: only exported functions have names".to_owned(),
                "install its debug symbols, or pass --symbols DIR".to_owned(),
            ),
            Detail::Functions if self.is_executable => (
                "no debug information: inlined frames, files and lines are missing".to_owned(),
                format!("{profile} debug = 1"),
            ),
            Detail::Functions => (
                "no debug information: inlined frames, files and lines are missing".to_owned(),
                String::new(),
            ),
        }
    }
}
