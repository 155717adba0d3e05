//! The types of one module, at the addresses stated in its file.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use gimli::{Reader as _, SectionId};
use rgops_dwarf::{Charge, Fault, LeftOut, Sections, SplitFiles, Work};

use crate::types::dwarf::{ENTRY_BITS, EntryId, ModuleDwarf};
use crate::types::index::{Index, PathHash, entries_of};
use crate::types::lines::FileNames;
use crate::types::scanning::{self, ScanProgress};
use crate::types::shape::{Declared, Member, Shape, Type, TypeError, TypeId, Variant};
use crate::types::source::TaskTypes;
use crate::types::stored::{self, IndexKey, IndexStore};
use crate::types::text::{self, LONGEST_PATH};
use crate::types::{entry, futures, owner};

/// Maximum cached types: more than any program has, but a damaged file may claim more.
const MAX_TYPES: usize = 1 << 20;

/// Memory of an error that is cached in place of a type.
const ERROR_BYTES: u64 = 512;

/// Memory of a cached value besides its text.
const KEPT_BYTES: u64 = 128;

/// Maximum awaits of one function that are read.
const MAX_AWAITS: usize = 4096;

/// Maximum descriptions of one function `block_on` that are read: each unit that has a copy of it describes it.
const MAX_BLOCK_ONS: usize = 64;

/// Maximum modules with a number of their own.
pub(super) const MAX_MODULES: usize = 1 << (u64::BITS - ENTRY_BITS);

/// The module that a type belongs to.
pub(super) fn module_number(id: TypeId) -> usize {
    (id.0 >> ENTRY_BITS) as usize
}

/// Debug information of a module, with the index over it.
#[derive(Debug)]
pub(super) struct ModuleTypes {
    /// Part of every [`TypeId`], above the bits of an [`EntryId`].
    number: u64,
    dwarf: ModuleDwarf,
    index: Index,
    files: FileNames,
    types: RefCell<HashMap<EntryId, Result<Arc<Type>, TypeError>>>,
    /// Paths of the index's scopes.
    paths: RefCell<HashMap<u32, Arc<str>>>,
    /// Owner types by the paths of their impl blocks.
    owners: RefCell<HashMap<Box<str>, Option<Arc<str>>>>,
    /// Positions of awaits, by the coroutine and the awaited type.
    awaits: RefCell<HashMap<(TypeId, TypeId), Option<Declared>>>,
    empty_path: OnceCell<Arc<str>>,
    /// Charges of the index and of the cached values.
    charge: RefCell<Charge>,
}

impl ModuleTypes {
    /// Loads the index of a module with a build-id from `store`, if it is there; otherwise scans.
    pub(super) fn open(
        number: usize,
        build_id: &[u8],
        sections: &Sections,
        split: SplitFiles,
        work: &Work,
        store: Option<&dyn IndexStore>,
        progress: &dyn Fn(ScanProgress),
    ) -> Result<ModuleTypes, Fault> {
        let dwarf = ModuleDwarf::new(sections, split, work)?;
        let info_bytes = sections.get(SectionId::DebugInfo).len() as u64;
        let key = IndexKey { build_id, info_bytes, units: dwarf.main().units.len() as u64 };
        // Without a build-id, an index of another module could be used.
        let store = store.filter(|_| !build_id.is_empty());
        let mut known = None;
        if let Some(store) = store {
            store.load(&key, work.budget(), &mut |bytes| {
                known = stored::decode(bytes, &key, work.budget());
                known.is_some()
            });
        }
        if let Some((index, charge)) = known {
            return Ok(ModuleTypes::new(number, dwarf, index, charge));
        }
        let mut charge = Charge::none(work.budget());
        let index = scanning::scan(dwarf.main(), dwarf.split(), &mut charge, progress);
        // A missing file may be available next time.
        if let Some(store) = store.filter(|_| index.left_out.units() == 0) {
            store.store(&key, &stored::encode(&key, &index));
        }
        Ok(ModuleTypes::new(number, dwarf, index, charge))
    }

    fn new(number: usize, dwarf: ModuleDwarf, index: Index, charge: Charge) -> ModuleTypes {
        ModuleTypes {
            number: number as u64,
            dwarf,
            index,
            files: FileNames::default(),
            types: RefCell::default(),
            paths: RefCell::default(),
            owners: RefCell::default(),
            awaits: RefCell::default(),
            empty_path: OnceCell::new(),
            charge: RefCell::new(charge),
        }
    }

    pub(super) fn task_types(&self, poll_svma: u64) -> Vec<TaskTypes> {
        let mut found = Vec::new();
        for id in entries_of(&self.index.polls, poll_svma) {
            let parameters = entry::parameters(&self.dwarf, &self.files, id).unwrap_or_default();
            let parameter = |name: &str| {
                let matching = parameters.iter().find(|(known, _)| &**known == name);
                matching.map(|(_, id)| self.global(*id))
            };
            if let (Some(future), Some(scheduler)) = (parameter("T"), parameter("S")) {
                found.push(TaskTypes { future, scheduler });
            }
        }
        if found.is_empty() {
            found.extend(entries_of(&self.index.polls, poll_svma).find_map(|id| self.cell_types(id)));
        }
        found
    }

    /// The types of a poll function that are described in another unit. If two crates have the same function,
    /// the linker keeps one, and possibly only the other crate's debug information is complete. The types are
    /// found by the name of the function, which corresponds to the cell it polls: `poll<T, S>`, `Cell<T, S>`.
    fn cell_types(&self, poll: EntryId) -> Option<TaskTypes> {
        let name = entry::name(&self.dwarf, poll).ok()?;
        let cell = format!("tokio::runtime::task::core::Cell{}", name.strip_prefix("poll")?);
        let cell = self.get(self.named(&cell)?).ok()?;
        let parameter = |name: &str| cell.parameters.iter().find(|(known, _)| &**known == name);
        Some(TaskTypes { future: parameter("T")?.1, scheduler: parameter("S")?.1 })
    }

    /// The futures `F` of the functions `block_on::<F>` with this linker's name.
    pub(super) fn block_on_types(&self, linkage_name: &str) -> Vec<TypeId> {
        let key = PathHash::new().add(linkage_name.as_bytes()).value();
        let of_function = |id: EntryId| {
            let is_it = entry::mangled_name(&self.dwarf, id)? == linkage_name;
            let parameters = entry::parameters(&self.dwarf, &self.files, id).ok().filter(|_| is_it)?;
            let future = parameters.iter().find(|(name, _)| &**name == "F")?.1;
            Some(self.global(future))
        };
        entries_of(&self.index.block_ons, key).take(MAX_BLOCK_ONS).filter_map(of_function).collect()
    }

    /// The future's name, from the name of the poll function.
    pub(super) fn future_name(&self, poll_svma: u64) -> Option<Arc<str>> {
        entries_of(&self.index.polls, poll_svma).find_map(|id| {
            let name = entry::name(&self.dwarf, id).ok()?;
            futures::of_function(&name).map(|future| text::cut(future, LONGEST_PATH).into())
        })
    }

    /// The crates that contain a poll function.
    pub(super) fn crates_of(&self, poll_svma: u64) -> impl Iterator<Item = String> + '_ {
        entries_of(&self.index.polls, poll_svma).filter_map(|id| entry::crate_of(&self.dwarf, id))
    }

    /// Whether the module has poll functions of tasks, and describes the states of coroutines.
    pub(super) fn describes_tasks(&self) -> bool {
        self.index.coroutines > 0 && !self.index.polls.is_empty()
    }

    /// Units that could not be read.
    pub(super) fn left_out(&self) -> &LeftOut {
        &self.index.left_out
    }

    /// Number of strings that were cut during reading.
    pub(super) fn cut_strings(&self) -> u64 {
        self.dwarf.main().work.cut_strings()
    }

    pub(super) fn vtable_types(&self, vtable_svma: u64) -> Vec<TypeId> {
        let found = entries_of(&self.index.vtables, vtable_svma)
            .filter_map(|id| entry::containing_type(&self.dwarf, id).ok().flatten());
        found.map(|id| self.global(TypeId(id.0))).collect()
    }

    pub(super) fn named(&self, path: &str) -> Option<TypeId> {
        entries_of(&self.index.named, PathHash::new().add(path.as_bytes()).value()).find_map(|id| {
            let global = self.global(TypeId(id.0));
            let found = self.get(global).ok()?;
            let is_it = path.strip_prefix(&*found.namespace).and_then(|rest| rest.strip_prefix("::"));
            (is_it == Some(&*found.name)).then_some(global)
        })
    }

    pub(super) fn get(&self, id: TypeId) -> Result<Arc<Type>, TypeError> {
        let id = EntryId(id.0 & ((1 << ENTRY_BITS) - 1));
        if let Some(known) = self.types.borrow().get(&id) {
            return known.clone();
        }
        if self.types.borrow().len() >= MAX_TYPES {
            return Err(id.damaged("it has more types than any program"));
        }
        let read = entry::read(&self.dwarf, &self.files, id).and_then(|mut found| {
            found.namespace = self.path(self.index.scope_of(id))?;
            for_each_reference(&mut found, |id| *id = self.global(*id));
            Ok(Arc::new(found))
        });
        let bytes = match &read {
            Ok(found) => size_of_type(found),
            // Other types may have memory or time again later.
            Err(TypeError::Exhausted(limit)) => return Err((*limit).into()),
            Err(_) => ERROR_BYTES,
        };
        self.charge.borrow_mut().grow(bytes)?;
        self.types.borrow_mut().insert(id, read.clone());
        read
    }

    /// The type whose method contains a type.
    pub(super) fn owner(&self, id: TypeId) -> Option<Arc<str>> {
        let found = self.get(id).ok()?;
        let start = found.namespace.rfind("{impl#")?;
        let end = start + found.namespace[start..].find('}')? + 1;
        let (declared_in, block) = (found.namespace[..start].trim_end_matches("::"), &found.namespace[..end]);
        if let Some(known) = self.owners.borrow().get(block) {
            return known.clone();
        }
        let functions = entries_of(&self.index.owners, PathHash::new().add(block.as_bytes()).value());
        let mut mangled = functions.filter_map(|id| entry::mangled_name(&self.dwarf, id));
        let owner = mangled.find_map(|name| owner::of_function(&name, declared_in)).map(Arc::from);
        let bytes = block.len() + owner.as_ref().map_or(0, |owner: &Arc<str>| owner.len());
        self.charge.borrow_mut().grow(bytes as u64 + KEPT_BYTES).ok()?;
        self.owners.borrow_mut().insert(block.into(), owner.clone());
        owner
    }

    /// The position where a coroutine awaits a value of a type; `None` if there is not exactly one.
    pub(super) fn awaited_at(&self, coroutine: TypeId, awaitee: TypeId) -> Option<Declared> {
        let key = (coroutine, awaitee);
        if let Some(known) = self.awaits.borrow().get(&key) {
            return known.clone();
        }
        let found = self.find_await(coroutine, awaitee);
        self.charge.borrow_mut().grow(KEPT_BYTES).ok()?;
        self.awaits.borrow_mut().insert(key, found.clone());
        found
    }

    /// Uses the local variables `__awaitee` of the coroutine's function. In the debug information of another
    /// instance of the function, its types are different ones with the same name, except for their
    /// parameters.
    fn find_await(&self, coroutine: TypeId, awaitee: TypeId) -> Option<Declared> {
        let found = self.get(coroutine).ok()?;
        let (kind, number) = found.name.split_once("_env#")?;
        let function = format!("{}::{kind}#{}", found.namespace, &number[..=number.find('}')?]);
        let wanted = self.get(awaitee).ok()?;
        let mut place: Option<Declared> = None;
        let locals = entries_of(&self.index.awaits, PathHash::new().add(function.as_bytes()).value());
        for id in locals.take(MAX_AWAITS) {
            let Some(local) = entry::local(&self.dwarf, &self.files, id) else { continue };
            let Ok(of) = self.get(self.global(local.type_id)) else { continue };
            if of.namespace != wanted.namespace || up_to_closure(&of.name) != up_to_closure(&wanted.name) {
                continue;
            }
            match (&place, local.declared) {
                (None, declared) => place = declared,
                (Some(known), Some(declared)) if *known != declared => return None,
                _ => {}
            }
        }
        place
    }

    fn global(&self, id: TypeId) -> TypeId {
        TypeId(self.number << ENTRY_BITS | id.0)
    }

    /// The path of a namespace: `tokio::sync::mutex`.
    fn path(&self, scope: Option<u32>) -> Result<Arc<str>, TypeError> {
        let mut path = self.empty_path.get_or_init(|| Arc::from("")).clone();
        let (mut unknown, mut next) = (Vec::new(), scope);
        while let Some(at) = next {
            if let Some(known) = self.paths.borrow().get(&at) {
                path = known.clone();
                break;
            }
            unknown.push(at);
            next = self.index.scopes[at as usize].parent;
        }
        // From the outermost: each path is the previous one and a name.
        for at in unknown.into_iter().rev() {
            let name = match entry::name(&self.dwarf, self.index.scopes[at as usize].start) {
                Err(TypeError::Exhausted(limit)) => return Err(limit.into()),
                name => name.unwrap_or_default(),
            };
            path = text::join(&path, &name).into();
            self.charge.borrow_mut().grow(path.len() as u64 + KEPT_BYTES)?;
            self.paths.borrow_mut().insert(at, path.clone());
        }
        Ok(path)
    }
}

/// Memory of a cached type.
fn size_of_type(found: &Type) -> u64 {
    let members = match &found.shape {
        Shape::Struct { members, .. } => members.len() * size_of::<Member>(),
        Shape::Enum { variants, .. } => variants.len() * size_of::<Variant>(),
        _ => 0,
    };
    let of_member = |member: &Member| member.name.len() + 16;
    let names: usize = match &found.shape {
        Shape::Struct { members, .. } => members.iter().map(of_member).sum(),
        Shape::Enum { variants, .. } => variants.iter().map(|variant| of_member(&variant.content)).sum(),
        _ => 0,
    };
    let parameters = found.parameters.iter().map(|(name, _)| name.len() + 40).sum::<usize>();
    (size_of::<Type>() + members + names + parameters + found.name.len() + 64) as u64
}

/// `PollFn<shop::sell::{async_fn#0}::{closure_env#1}` for a name that continues with the closure's
/// parameters.
fn up_to_closure(name: &str) -> &str {
    let end = name.find("{closure_env#").and_then(|at| Some(at + name[at..].find('}')? + 1));
    &name[..end.unwrap_or(name.len())]
}

fn for_each_reference(found: &mut Type, mut change: impl FnMut(&mut TypeId)) {
    match &mut found.shape {
        Shape::Struct { members, .. } => members.iter_mut().for_each(|member| change(&mut member.type_id)),
        Shape::Enum { variants, .. } => {
            variants.iter_mut().for_each(|variant| change(&mut variant.content.type_id));
        }
        Shape::Pointer { target } => target.iter_mut().for_each(&mut change),
        Shape::Array { element, .. } => change(element),
        Shape::Scalar => {}
    }
    found.parameters.iter_mut().for_each(|(_, id)| change(id));
}
