//! Opens the candidates of a module in order, and keeps the best file of the right build.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rgops_dwarf::elf::Elf;
use rgops_dwarf::{Budget, ReadAt, Work};
use rgops_protocol::reply::Module;

use super::candidate::{Candidate, Places, plain};
use super::directory::Searched;
use super::found::Found;
use super::symbol_file::{Content, SymbolFile, content, has_code};
use crate::debuginfod::{self, Missing};
use crate::files::{Believed, Checked, Place, Process, within};
use crate::symbols::frame::file_name;
use crate::text::hex;

/// A link consists of a file name and a checksum or a build-id.
const LARGEST_LINK: u64 = 4096;

/// Searches for the files of one process's modules.
#[derive(Debug)]
pub(crate) struct Finder {
    looking: Arc<Looking>,
    budget: Budget,
}

#[derive(Debug)]
struct Looking {
    places: Places,
    budget: Budget,
    /// The directories of the operator, searched when the usual names in them have not led to debug information.
    searched: OnceLock<Vec<Arc<Searched>>>,
}

impl Finder {
    pub(crate) fn new(local_pid: Option<u32>, symbol_directories: &[PathBuf], budget: &Budget) -> Finder {
        let (symbol_directories, own) = (symbol_directories.to_vec(), budget.clone());
        let process = within(budget, move || Process::of(local_pid)).unwrap_or_default().into();
        let looking = Looking {
            places: Places { process, symbol_directories },
            budget: own,
            searched: OnceLock::new(),
        };
        Finder { looking: Arc::new(looking), budget: budget.clone() }
    }

    /// The process whose files it searches for.
    pub(crate) fn process(&self) -> &Arc<Process> {
        &self.looking.places.process
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

    /// Asks the servers of the operator for the debug information of a module, if all that was found has none; `None`
    /// if there are no servers, or nobody needs its names.
    pub(crate) fn fetch(
        &self,
        module: &Module,
        found: Option<Content>,
        at_most: Duration,
    ) -> Option<Result<SymbolFile, Missing>> {
        let name = file_name(plain(&module.path));
        if !debuginfod::is_enabled() || found == Some(Content::DebugInformation) || is_of_the_system(name) {
            return None;
        }
        // Nothing is asked about what the process does not map.
        let process = self.process();
        let is_believed =
            || self.looking.places.is_executable(module) || process.believes(module) != Believed::NotMapped;
        if !module.path.starts_with('/') || !is_believed() {
            return None;
        }
        let left = self.budget.deadline().map(|end| end.saturating_duration_since(Instant::now()));
        let at_most = left.map_or(at_most, |left| at_most.min(left));
        if at_most.is_zero() {
            return None;
        }
        let path = debuginfod::debug_file(&module.build_id, name, at_most)?;
        let (looking, wanted) = (self.looking.clone(), module.clone());
        Some(path.and_then(|path| {
            let candidate = Candidate::Named(Place::Named(path));
            let opened = within(&self.budget, move || looking.open(&candidate, &wanted));
            match opened.map_err(String::from).and_then(|opened| opened) {
                Ok(Some((file, _))) if file.content == Content::DebugInformation => Ok(file),
                Ok(_) => Err(Missing::because("the file of debuginfod has no debug information")),
                Err(why) => Err(Missing::because(format!("of debuginfod: {why}"))),
            }
        }))
    }

    /// Asks for the debug information of the process's program before the agent is asked: while an answer arrives, there
    /// is less time. Names are found without it, too.
    pub(crate) fn fetch_program(&self) {
        let (looking, process) = (self.looking.clone(), self.process().clone());
        let read = move || {
            let file = process.open_executable().ok()?;
            let build_id = Elf::read(&file, &looking.budget).ok()?.build_id(&file, &looking.budget);
            Some((process.executable()?.to_owned(), build_id))
        };
        let Ok(Some((path, build_id))) = within(&self.budget, read) else { return };
        let (start_avma, end_avma, bias, has_unwind_data) = (0, 0, 0, true);
        let program = Module { path, build_id, start_avma, end_avma, bias, has_unwind_data };
        let found = self.find(&program);
        drop(self.complete(&program, found, debuginfod::WHOLE));
    }

    /// What was found, with debug information from the servers of the operator if it is the program's and has none.
    pub(crate) fn complete(&self, module: &Module, mut found: Found, at_most: Duration) -> Found {
        if found.is_executable
            && let Some(Ok(file)) = self.fetch(module, found.file.as_ref().map(|file| file.content), at_most)
        {
            found.file = Some(file);
        }
        found
    }
}

impl Looking {
    fn find(&self, module: &Module) -> Found {
        // Without `/proc/PID` the executable's name is unknown: a module that is not a library counts as the
        // program.
        let looks_so = self.places.process.executable().is_none() && !module.path.contains(".so");
        let is_executable = self.places.is_executable(module);
        let mut found = Found { is_executable: is_executable || looks_so, ..Found::default() };
        // `[vdso]`, `[heap]`, anonymous memory: there is no file. Relative paths have no meaning here.
        if !module.path.starts_with('/') {
            found.is_kernels = true;
            return found;
        }
        let believed = self.places.process.believes(module);
        if believed == Believed::NotMapped && !is_executable {
            found.is_not_mapped = true;
            return found;
        }
        let mut candidates = VecDeque::from(self.places.candidates(module, believed));
        let (mut linked, mut has_searched) = (Vec::new(), false);
        while let Some(candidate) = candidates.pop_front().or_else(|| {
            // Once, when all other places were tried.
            candidates = self.by_build_id(module, std::mem::replace(&mut has_searched, true))?;
            candidates.pop_front()
        }) {
            match self.open(&candidate, module) {
                Ok(Some((file, link))) => {
                    if let Some((name, checksum)) = link.filter(|(name, _)| !linked.contains(name)) {
                        candidates.extend(self.places.linked_candidates(module, &name, checksum));
                        linked.push(name);
                    }
                    if found.code.is_none() && file.has_code {
                        found.code = Some(file.opened().clone());
                    }
                    if found.file.as_ref().is_none_or(|best| best.content < file.content) {
                        found.file = Some(file);
                    }
                    if found.file.as_ref().is_some_and(|best| best.content == Content::DebugInformation) {
                        break;
                    }
                }
                Ok(None) => {}
                Err(reason) => self.note(reason, &candidate, &mut found),
            }
        }
        if has_searched && found.file.as_ref().is_none_or(|best| best.content < Content::DebugInformation) {
            let name = Path::new(plain(&module.path)).file_name().and_then(|name| name.to_str());
            let searched = self.searched.get().into_iter().flatten();
            let none = searched.filter(|searched| searched.of(&module.build_id).is_empty());
            found.searched = none.map(|searched| searched.none_of(&module.build_id, name)).collect();
        }
        found
    }

    /// Records why a candidate was refused, each file once: it may have one name in the process's root and the same
    /// outside, and the directories of the operator are described as a whole.
    fn note(&self, reason: String, candidate: &Candidate, found: &mut Found) {
        let is_in_one = |path: &Path| self.places.symbol_directories.iter().any(|one| path.starts_with(one));
        let is_described = matches!(candidate, Candidate::Named(Place::Trusted(path)) if is_in_one(path));
        let reason = reason.replace(&*self.places.process.shown("root").to_string_lossy(), "");
        let is_described = is_described && reason.contains("is another build");
        if !is_described && !found.refused.contains(&reason) {
            found.refused.push(reason);
        }
    }

    /// Files of the module's build in the directories of the operator, under any name.
    fn by_build_id(&self, module: &Module, has_searched: bool) -> Option<VecDeque<Candidate>> {
        if has_searched || self.places.symbol_directories.is_empty() {
            return None;
        }
        let search = || {
            let each = self.places.symbol_directories.iter();
            each.map(|directory| Searched::new(directory, &self.budget)).collect()
        };
        let searched = self.searched.get_or_init(search).iter();
        let files = searched.flat_map(|searched| searched.of(&module.build_id));
        Some(files.map(|path| Candidate::Named(Place::Trusted(path.clone()))).collect())
    }

    /// Opens a candidate of the right build, and reads its debug link; `None` when there is no such file.
    #[expect(clippy::type_complexity, reason = "a file and the link in it")]
    fn open(
        &self,
        candidate: &Candidate,
        module: &Module,
    ) -> Result<Option<(SymbolFile, Option<(String, u32)>)>, String> {
        let (opened, shown) = match candidate {
            Candidate::Executable => {
                (self.places.process.open_executable(), self.places.process.shown("exe"))
            }
            Candidate::Mapped(range) => (
                self.places.process.open_mapped(range),
                self.places.process.shown(&format!("map_files/{range}")),
            ),
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
            has_code: has_code(&elf),
            place,
            shown: shown.clone(),
            file: Arc::new(file),
            supplement: supplement.map(Arc::new),
            root: self.places.process.root().cloned(),
            directories: self.places.symbol_directories.clone(),
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
        let trusted = self.places.by_build_id(&hex(build_id)).map(Place::Trusted);
        std::iter::once(beside).chain(trusted).find_map(|place| {
            let file = place.open().ok()?;
            let elf = Elf::read(&file, &self.budget).ok()?;
            (elf.build_id(&file, &self.budget) == build_id).then_some(file)
        })
    }
}

/// Whether it is a library of the system that programs of every language use: its exported names are enough.
fn is_of_the_system(name: &str) -> bool {
    let names = [
        "libc.",
        "libc-",
        "libm.",
        "libm-",
        "libpthread",
        "libdl.",
        "librt.",
        "libgcc_s",
        "ld-",
        "libstdc++",
    ];
    names.iter().any(|system| name.starts_with(system))
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
