//! The types of a program: its modules' debug information, by addresses of the running process.

use std::cell::OnceCell;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rgops_protocol::reply::Module;

use super::index::ScanProgress;
use super::module::{MOST_MODULES, ModuleTypes, module_number};
use super::sections::Sections;
use super::split::SplitFiles;
use super::{TaskTypes, Type, TypeError, TypeId, TypeSource};
use crate::symbols::files::{Content, Finder, Found};

/// Where a program's types are looked for.
#[derive(Debug, Clone, Default)]
pub struct TypeFiles {
    /// The process, if it runs on this host: its `/proc/PID` reaches files that were replaced or
    /// are in another mount namespace.
    pub local_pid: Option<u32>,
    /// Directories with separate debug files, as `--symbols` names them.
    pub symbol_directories: Vec<PathBuf>,
}

/// The types of the modules that have debug information. Files are opened at once, so that they
/// can still be read when the process has ended; each is read when one of its addresses is first
/// asked about.
pub struct ProgramTypes {
    files: TypeFiles,
    modules: Vec<Opened>,
    progress: Box<dyn Fn(ScanProgress)>,
}

#[derive(Debug)]
struct Opened {
    module: Module,
    found: Found,
    /// `None` where it has no debug information that can be read.
    types: OnceCell<Option<ModuleTypes>>,
}

impl ProgramTypes {
    /// Opens the files of the modules. `progress` is called when reading one takes long.
    pub fn new(
        modules: &[Module],
        files: TypeFiles,
        progress: impl Fn(ScanProgress) + 'static,
    ) -> ProgramTypes {
        let finder = Finder::new(files.local_pid, &files.symbol_directories);
        let open = |module: &Module| Opened {
            module: module.clone(),
            found: finder.find(module),
            types: OnceCell::new(),
        };
        let modules = modules.iter().take(MOST_MODULES).map(open).collect();
        ProgramTypes { files, modules, progress: Box::new(progress) }
    }

    fn types_at(&self, avma: u64) -> Option<(u64, &ModuleTypes)> {
        let is_in = |opened: &Opened| (opened.module.start_avma..opened.module.end_avma).contains(&avma);
        let number = self.modules.iter().position(is_in)?;
        Some((avma.wrapping_sub(self.modules[number].module.bias), self.types(number)?))
    }

    fn types(&self, number: usize) -> Option<&ModuleTypes> {
        let opened = self.modules.get(number)?;
        opened.types.get_or_init(|| self.read(number, &opened.found)).as_ref()
    }

    fn read(&self, number: usize, found: &Found) -> Option<ModuleTypes> {
        let file = found.file.as_ref().filter(|file| file.content == Content::DebugInformation)?;
        let sections = Sections::read(&mut file.file()).ok()?;
        let beside = [file.stable_path(), file.path.clone()];
        let split = SplitFiles::new(&beside, Vec::new(), self.files.symbol_directories.clone());
        Some(ModuleTypes::scan(number, &sections, split, &self.progress))
    }
}

impl TypeSource for ProgramTypes {
    fn task_types(&self, poll_avma: u64) -> Vec<TaskTypes> {
        self.types_at(poll_avma).map(|(svma, types)| types.task_types(svma)).unwrap_or_default()
    }

    fn vtable_types(&self, vtable_avma: u64) -> Vec<TypeId> {
        self.types_at(vtable_avma).map(|(svma, types)| types.vtable_types(svma)).unwrap_or_default()
    }

    fn named(&self, path: &str) -> Option<TypeId> {
        // The executable has the runtime in almost every program; other modules only if they were
        // needed anyway, since reading all of a desktop program's takes seconds.
        let read = |number: &usize| {
            self.modules[*number].found.is_executable || self.modules[*number].types.get().is_some()
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

impl fmt::Debug for ProgramTypes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ProgramTypes").field("modules", &self.modules).finish_non_exhaustive()
    }
}
