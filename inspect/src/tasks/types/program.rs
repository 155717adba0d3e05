//! The types of a program: its modules' debug information, by addresses of the running process.

use std::cell::OnceCell;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use gimli::SectionId;
use rgops_protocol::reply::Module;

use super::cache::IndexCache;
use super::futures::SymbolFutures;
use super::index::ScanProgress;
use super::level::{Asked, Explained};
use super::module::{MOST_MODULES, ModuleTypes, module_number};
use super::{Declared, TaskTypes, Type, TypeError, TypeId, TypeSource};
use crate::budget::Budget;
use crate::dwarf::{Fault, SplitFiles};
use crate::files::sections::Sections;
use crate::files::{Work, within};
use crate::symbols::files::{Content, Finder, Found};
use crate::symbols::{SymbolTables, module_in_memory};
use crate::tasks::model::DebugInformation;

/// Where a program's types are looked for.
#[derive(Debug, Clone, Default)]
pub struct TypeFiles {
    /// The process, if it runs on this host: its `/proc/PID` reaches files that were replaced or
    /// are in another mount namespace.
    pub local_pid: Option<u32>,
    /// Directories with separate debug files, as `--symbols` names them.
    pub symbol_directories: Vec<PathBuf>,
    /// What reading them may take, of the whole command.
    pub budget: Budget,
}

/// Sections that describe types.
pub(super) const WANTED: [SectionId; 7] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
];

/// The types of the modules that have debug information. Files are opened at once, so that they
/// can still be read when the process has ended; each is read when one of its addresses is first
/// asked about.
pub struct ProgramTypes<'a> {
    files: TypeFiles,
    cache: Option<IndexCache>,
    modules: Vec<Opened>,
    progress: Box<dyn Fn(ScanProgress) + 'a>,
}

#[derive(Debug)]
struct Opened {
    module: Module,
    found: Found,
    /// What may be done for it.
    work: Work,
    /// Set when one of its addresses was asked about; within, `None` where it has no debug
    /// information that can be read, and why.
    types: OnceCell<Result<ModuleTypes, Fault>>,
    /// From its symbols, read when a future has no type.
    futures: OnceCell<SymbolFutures>,
    asked: Asked,
}

impl<'a> ProgramTypes<'a> {
    /// Opens the files of the modules. `progress` is called when reading one takes long.
    pub fn new(
        modules: &[Module],
        files: TypeFiles,
        progress: impl Fn(ScanProgress) + 'a,
    ) -> ProgramTypes<'a> {
        ProgramTypes::with_cache(modules, files, IndexCache::from_environment(), progress)
    }

    /// As [`ProgramTypes::new`], with another cache than the user's.
    pub(super) fn with_cache(
        modules: &[Module],
        files: TypeFiles,
        cache: Option<IndexCache>,
        progress: impl Fn(ScanProgress) + 'a,
    ) -> ProgramTypes<'a> {
        let finder = Finder::new(files.local_pid, &files.symbol_directories, &files.budget);
        let open = |module: &Module| Opened {
            module: module.clone(),
            found: finder.find(module),
            work: finder.work(),
            types: OnceCell::new(),
            futures: OnceCell::new(),
            asked: Asked::default(),
        };
        let modules = modules.iter().take(MOST_MODULES).map(open).collect();
        ProgramTypes { files, cache, modules, progress: Box::new(progress) }
    }

    /// The types of one module whose file is in memory, by the addresses that the file states: a
    /// file that was sent, or made up.
    pub fn of_file(bytes: &[u8]) -> ProgramTypes<'static> {
        ProgramTypes::of_file_within(bytes, TypeFiles::default().budget)
    }

    /// As [`ProgramTypes::of_file`], within a budget.
    pub(crate) fn of_file_within(bytes: &[u8], budget: Budget) -> ProgramTypes<'static> {
        let module = module_in_memory();
        let files = TypeFiles { budget, ..TypeFiles::default() };
        let work = Work::new(&files.budget);
        let sections = Sections::read(bytes, &WANTED, &files.budget).map_err(Fault::from);
        let types = sections.and_then(|sections| {
            ModuleTypes::open(0, &[], &sections, SplitFiles::default(), &work, None, &|_| {})
        });
        let tables = SymbolTables::read(bytes, &work).unwrap_or_default();
        let futures = SymbolFutures::of_tables(&tables, &work);
        let opened = Opened {
            module,
            found: Found::default(),
            work,
            types: OnceCell::from(types),
            futures: OnceCell::from(futures),
            asked: Asked::default(),
        };
        ProgramTypes { files, cache: None, modules: vec![opened], progress: Box::new(|_| {}) }
    }

    /// What the debug information of each module gave that was asked about, and what would give more.
    pub fn information(&self) -> Vec<DebugInformation> {
        let asked = self.modules.iter().filter(|opened| opened.types.get().is_some());
        asked.map(Opened::information).collect()
    }

    /// The module with an address, and the address as its file states it.
    fn at(&self, avma: u64) -> Option<(usize, u64)> {
        let is_in = |opened: &Opened| (opened.module.start_avma..opened.module.end_avma).contains(&avma);
        let number = self.modules.iter().position(is_in)?;
        Some((number, avma.wrapping_sub(self.modules[number].module.bias)))
    }

    fn types(&self, number: usize) -> Option<&ModuleTypes> {
        let opened = self.modules.get(number)?;
        opened.types.get_or_init(|| self.read(number, opened)).as_ref().ok()
    }

    fn read(&self, number: usize, opened: &Opened) -> Result<ModuleTypes, Fault> {
        let file = opened.found.file.as_ref().ok_or_else(|| Fault::refused("its file was not found"))?;
        if file.content != Content::DebugInformation {
            return Err(Fault::refused("it has no debug information"));
        }
        let (from, budget) = (file.opened().clone(), self.files.budget.clone());
        let sections = within(&self.files.budget, move || Sections::read(&*from, &WANTED, &budget))??;
        let split = file.split_files(&opened.module, &WANTED);
        let (build_id, cache) = (&opened.module.build_id, self.cache.as_ref());
        ModuleTypes::open(number, build_id, &sections, split, &opened.work, cache, &self.progress)
    }
}

impl Opened {
    fn types(&self) -> Option<&ModuleTypes> {
        self.types.get()?.as_ref().ok()
    }

    /// From the symbols of the module's file, which has them even if another file has its types.
    fn future_of_symbol(&self, poll_svma: u64) -> Option<Arc<str>> {
        let read = || {
            let Some(file) = &self.found.file else { return SymbolFutures::default() };
            let (from, work) = (file.opened().clone(), self.work.clone());
            let tables = within(self.work.budget(), move || SymbolTables::read(&*from, &work).ok());
            let tables = tables.ok().flatten();
            tables.map(|tables| SymbolFutures::of_tables(&tables, &self.work)).unwrap_or_default()
        };
        self.futures.get_or_init(read).get(poll_svma)
    }

    fn information(&self) -> DebugInformation {
        let unreadable = self.types.get().and_then(|types| types.as_ref().err());
        let Explained { level, note, fix } = self.asked.explain(self.types(), unreadable);
        DebugInformation {
            module: self.module.path.clone(),
            file: self.found.file.as_ref().map(|file| file.path().display().to_string()),
            level,
            note,
            fix,
        }
    }
}

impl TypeSource for ProgramTypes<'_> {
    fn task_types(&self, poll_avma: u64) -> Vec<TaskTypes> {
        let Some((number, svma)) = self.at(poll_avma) else { return Vec::new() };
        let types = self.types(number);
        let found = types.map(|types| types.task_types(svma)).unwrap_or_default();
        let crates = types.into_iter().flat_map(|types| types.crates_of(svma));
        self.modules[number].asked.task(!found.is_empty(), crates);
        found
    }

    fn vtable_types(&self, vtable_avma: u64) -> Vec<TypeId> {
        let Some((number, svma)) = self.at(vtable_avma) else { return Vec::new() };
        self.types(number).map(|types| types.vtable_types(svma)).unwrap_or_default()
    }

    fn owner(&self, id: TypeId) -> Option<Arc<str>> {
        self.types(module_number(id))?.owner(id)
    }

    fn awaited_at(&self, coroutine: TypeId, awaitee: TypeId) -> Option<Declared> {
        self.types(module_number(coroutine))?.awaited_at(coroutine, awaitee)
    }

    fn future_name(&self, poll_avma: u64) -> Option<Arc<str>> {
        let (number, svma) = self.at(poll_avma)?;
        let of_function = self.types(number).and_then(|types| types.future_name(svma));
        let name = of_function.or_else(|| self.modules[number].future_of_symbol(svma));
        self.modules[number].asked.future(name.as_deref());
        name
    }

    fn named(&self, path: &str) -> Option<TypeId> {
        // The executable has the runtime in almost every program; other modules only if they were
        // needed anyway, since reading all of a desktop program's takes seconds.
        let read = |number: &usize| {
            self.modules[*number].found.is_executable || self.modules[*number].types().is_some()
        };
        let numbers = (0..self.modules.len()).filter(read);
        numbers.filter_map(|number| self.types(number)).find_map(|types| types.named(path))
    }

    fn get(&self, id: TypeId) -> Result<Arc<Type>, TypeError> {
        match self.types(module_number(id)) {
            Some(types) => types.get(id),
            None => Err(TypeError::Damaged { offset: id.0, why: "it is of no module".to_owned() }),
        }
    }
}

impl fmt::Debug for ProgramTypes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ProgramTypes").field("modules", &self.modules).finish_non_exhaustive()
    }
}
