//! Finds the files that describe a program's types, through its modules.

use std::path::PathBuf;

use gimli::SectionId;
use rgops_dwarf::{Budget, Sections, SplitFiles, SymbolTables, Unreadable, Work};
use rgops_protocol::reply::Module;
use rgops_tasks::types::{IndexStore, ModuleFile, ProgramModule, ProgramTypes, ScanProgress};

use crate::budget;
use crate::debuginfod;
use crate::files::within;
use crate::symbols::files::{Content, Finder, SymbolFile};
use crate::tasks::index_cache::IndexCache;

/// Places to search for a program's types.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TypeFiles {
    /// The process, if it runs on this host: its `/proc/PID` leads to files that were replaced or are in
    /// another mount namespace.
    pub local_pid: Option<u32>,
    /// Directories with separate debug files, as given by `--symbols`.
    pub symbol_directories: Vec<PathBuf>,
    /// The limits of the whole command.
    pub budget: Budget,
}

impl Default for TypeFiles {
    fn default() -> TypeFiles {
        TypeFiles { local_pid: None, symbol_directories: Vec::new(), budget: budget::standard() }
    }
}

/// The types of a program. The files of its modules are opened at once, so that they can still be read after
/// the process has ended. Calls `progress` when reading a file takes long.
pub fn program_types<'a>(
    modules: &[Module],
    files: &TypeFiles,
    progress: impl Fn(ScanProgress) + 'a,
) -> ProgramTypes<'a> {
    types_with_cache(modules, files, IndexCache::from_environment(), progress)
}

/// Like [`program_types`], with a cache other than the user's.
pub(super) fn types_with_cache<'a>(
    modules: &[Module],
    files: &TypeFiles,
    cache: Option<IndexCache>,
    progress: impl Fn(ScanProgress) + 'a,
) -> ProgramTypes<'a> {
    let finder = Finder::new(files.local_pid, &files.symbol_directories, &files.budget);
    let open = |module: &Module| {
        let found = finder.complete(module, finder.find(module), debuginfod::WHILE_ANSWERED);
        let opened = |file| Box::new(OpenedFile { file, module: module.clone() }) as Box<dyn ModuleFile>;
        ProgramModule {
            module: module.clone(),
            is_executable: found.is_executable,
            file: found.file.map(opened),
        }
    };
    let store = cache.map(|cache| Box::new(cache) as Box<dyn IndexStore>);
    ProgramTypes::new(modules.iter().map(open), &files.budget, store, progress)
}

/// A module's file, kept open.
#[derive(Debug)]
struct OpenedFile {
    file: SymbolFile,
    module: Module,
}

impl ModuleFile for OpenedFile {
    fn path(&self) -> String {
        self.file.path().display().to_string()
    }

    fn has_debug_information(&self) -> bool {
        self.file.content == Content::DebugInformation
    }

    fn sections(&self, wanted: &'static [SectionId], budget: &Budget) -> Result<Sections, Unreadable> {
        let (from, own) = (self.file.opened().clone(), budget.clone());
        within(budget, move || Sections::read(&*from, wanted, &own))?
    }

    fn split_files(&self, wanted: &'static [SectionId]) -> SplitFiles {
        self.file.split_files(&self.module, wanted)
    }

    fn symbol_tables(&self, work: &Work) -> Option<SymbolTables> {
        let (from, own) = (self.file.opened().clone(), work.clone());
        within(work.budget(), move || SymbolTables::read(&*from, &own).ok()).ok().flatten()
    }
}
