//! The types of a program: the debug information of its modules, at addresses of the running process.

use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use gimli::SectionId;
use rgops_dwarf::{Budget, Fault, Sections, SplitFiles, SymbolTables, Unreadable, Work};
use rgops_protocol::reply::Module;

use crate::model::DebugInformation;
use crate::types::futures::SymbolFutures;
use crate::types::level::{Explained, Lookups};
use crate::types::module::{MAX_MODULES, ModuleTypes, module_number};
use crate::types::scanning::ScanProgress;
use crate::types::shape::{Declared, Type, TypeError, TypeId};
use crate::types::source::{TaskTypes, TypeSource};
use crate::types::stored::IndexStore;

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

/// A module of a program, and the file that describes it.
#[derive(Debug)]
pub struct ProgramModule {
    /// The module with its load address.
    pub module: Module,
    /// Whether it is the executable, which contains the runtime in almost every program.
    pub is_executable: bool,
    /// The file of the running build; `None` if there is none.
    pub file: Option<Box<dyn ModuleFile>>,
}

/// The open file of a module. The implementation decides how it is read and how long that may take.
pub trait ModuleFile: fmt::Debug {
    /// Its path, for messages.
    fn path(&self) -> String;

    /// Whether it has debug information.
    fn has_debug_information(&self) -> bool;

    /// Its wanted sections.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn sections(&self, wanted: &'static [SectionId], budget: &Budget) -> Result<Sections, Unreadable>;

    /// Its split debug files, to read these sections.
    fn split_files(&self, wanted: &'static [SectionId]) -> SplitFiles;

    /// Its symbol tables; `None` where they cannot be read.
    fn symbol_tables(&self, work: &Work) -> Option<SymbolTables>;
}

/// The types of the modules that have debug information. Each is read when one of its addresses is first
/// looked up.
pub struct ProgramTypes<'a> {
    budget: Budget,
    store: Option<Box<dyn IndexStore>>,
    modules: Vec<Opened>,
    progress: Box<dyn Fn(ScanProgress) + 'a>,
}

#[derive(Debug)]
struct Opened {
    module: Module,
    is_executable: bool,
    file: Option<Box<dyn ModuleFile>>,
    /// The limit of work for it.
    work: Work,
    /// Set after the first lookup of one of its addresses; an error if it has no readable debug information.
    types: OnceCell<Result<ModuleTypes, Fault>>,
    /// From its symbols, read when a future has no type.
    futures: OnceCell<SymbolFutures>,
    lookups: Lookups,
}

impl<'a> ProgramTypes<'a> {
    /// The types of these modules, at most the first 256. Indexes are cached in `store`. Calls
    /// `progress` when reading a file takes long.
    pub fn new(
        modules: impl IntoIterator<Item = ProgramModule>,
        budget: &Budget,
        store: Option<Box<dyn IndexStore>>,
        progress: impl Fn(ScanProgress) + 'a,
    ) -> ProgramTypes<'a> {
        let open = |ProgramModule { module, is_executable, file }| Opened {
            module,
            is_executable,
            file,
            work: Work::new(budget),
            types: OnceCell::new(),
            futures: OnceCell::new(),
            lookups: Lookups::default(),
        };
        let modules = modules.into_iter().take(MAX_MODULES).map(open).collect();
        ProgramTypes { budget: budget.clone(), store, modules, progress: Box::new(progress) }
    }

    /// The types of one module whose file is in memory, at the addresses stated in the file; the file was
    /// sent or generated.
    pub fn of_file(bytes: &[u8], budget: &Budget) -> ProgramTypes<'static> {
        let work = Work::new(budget);
        let sections = Sections::read(bytes, &WANTED, budget).map_err(Fault::from);
        let types = sections.and_then(|sections| {
            ModuleTypes::open(0, &[], &sections, SplitFiles::default(), &work, None, &|_| {})
        });
        let tables = SymbolTables::read(bytes, &work).unwrap_or_default();
        let futures = SymbolFutures::of_tables(&tables, &work);
        let module = Module {
            path: String::new(),
            build_id: Vec::new(),
            start_avma: 0,
            end_avma: u64::MAX,
            bias: 0,
            has_unwind_data: false,
        };
        let opened = Opened {
            module,
            is_executable: false,
            file: None,
            work,
            types: OnceCell::from(types),
            futures: OnceCell::from(futures),
            lookups: Lookups::default(),
        };
        let (budget, modules) = (budget.clone(), vec![opened]);
        ProgramTypes { budget, store: None, modules, progress: Box::new(|_| {}) }
    }

    /// The debug information of each module that was looked up, and how to get more.
    pub fn information(&self) -> Vec<DebugInformation> {
        let read = self.modules.iter().filter(|opened| opened.types.get().is_some());
        read.map(Opened::information).collect()
    }

    /// The module that contains an address, and the address in its file.
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
        let file = opened.file.as_ref().ok_or_else(|| Fault::refused("its file was not found"))?;
        if !file.has_debug_information() {
            return Err(Fault::refused("it has no debug information"));
        }
        let sections = file.sections(&WANTED, &self.budget)?;
        let (split, build_id) = (file.split_files(&WANTED), &opened.module.build_id);
        ModuleTypes::open(
            number,
            build_id,
            &sections,
            split,
            &opened.work,
            self.store.as_deref(),
            &self.progress,
        )
    }
}

impl Opened {
    fn types(&self) -> Option<&ModuleTypes> {
        self.types.get()?.as_ref().ok()
    }

    /// From the symbols of the module's file, which has them even if another file has its types.
    fn future_of_symbol(&self, poll_svma: u64) -> Option<Arc<str>> {
        let read = || {
            let tables = self.file.as_ref().and_then(|file| file.symbol_tables(&self.work));
            tables.map(|tables| SymbolFutures::of_tables(&tables, &self.work)).unwrap_or_default()
        };
        self.futures.get_or_init(read).get(poll_svma)
    }

    fn information(&self) -> DebugInformation {
        let unreadable = self.types.get().and_then(|types| types.as_ref().err());
        let Explained { level, note, fix } = self.lookups.explain(self.types(), unreadable);
        DebugInformation {
            module: self.module.path.clone(),
            file: self.file.as_ref().map(|file| file.path()),
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
        self.modules[number].lookups.task(!found.is_empty(), crates);
        found
    }

    fn vtable_types(&self, vtable_avma: u64) -> Vec<TypeId> {
        let Some((number, svma)) = self.at(vtable_avma) else { return Vec::new() };
        self.types(number).map(|types| types.vtable_types(svma)).unwrap_or_default()
    }

    fn is_loaded(&self, avma: u64) -> bool {
        self.at(avma).is_some() || self.modules.len() == MAX_MODULES
    }

    fn block_on_types(&self, avma: u64, linkage_name: &str) -> Vec<TypeId> {
        let types = self.at(avma).and_then(|(number, _)| self.types(number));
        types.map(|types| types.block_on_types(linkage_name)).unwrap_or_default()
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
        self.modules[number].lookups.future(name.as_deref());
        name
    }

    fn named(&self, path: &str) -> Option<TypeId> {
        // The executable contains the runtime in almost every program. Other modules are searched only if
        // they were needed anyway, because reading all modules of a desktop program takes seconds.
        let read =
            |number: &usize| self.modules[*number].is_executable || self.modules[*number].types().is_some();
        let numbers = (0..self.modules.len()).filter(read);
        numbers.filter_map(|number| self.types(number)).find_map(|types| types.named(path))
    }

    fn get(&self, id: TypeId) -> Result<Arc<Type>, TypeError> {
        match self.types(module_number(id)) {
            Some(types) => types.get(id),
            None => {
                Err(TypeError::Damaged { offset: id.0, why: "it does not belong to any module".to_owned() })
            }
        }
    }
}

impl fmt::Debug for ProgramTypes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ProgramTypes").field("modules", &self.modules).finish_non_exhaustive()
    }
}
