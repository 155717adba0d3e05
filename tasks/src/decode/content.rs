//! Types, roles and names, read once for all tasks of an answer, within its limits of steps and memory.

use std::collections::HashMap;
use std::sync::Arc;

use rgops_dwarf::{Budget, Charge, Exhausted, Work};

use crate::decode::goal::{Goal, Held, Leads};
use crate::decode::names;
use crate::decode::roles::{Role, base, element, is_pin, role};
use crate::model::TypeName;
use crate::types::{Shape, Type, TypeError, TypeId, TypeSource};

/// Maximum steps of one walk of one task: values visited, and part of a step for each of their members. A
/// task of a real program needs some hundreds. In damaged debug information a type may contain itself twice,
/// so that a walk would visit two to the power of its depth values.
const MAX_STEPS: u32 = 400_000;

/// Maximum steps of all walks together. A million tasks may need thousands each.
const MAX_STEPS_OF_ALL: u64 = 1 << 32;

/// Steps between two checks of the clock.
const STEPS_PER_CHECK: u64 = 1024;

/// Members searched per step, and bytes of a name per step.
const MEMBERS_PER_STEP: usize = 8;
const NAME_BYTES_PER_STEP: usize = 512;

/// Reading a type counts as this many steps.
const STEPS_OF_READING: u64 = 16;

/// Memory of a cached answer, besides its text and its list.
pub(super) const KEPT_BYTES: u64 = 96;

/// Maximum types shown for one vtable.
const MAX_CANDIDATES: usize = 4;

/// Maximum pins and boxes around a future.
const MAX_BOXES: usize = 8;

/// The name of a future that is known only by its vtable.
pub(super) const DYN_FUTURE: &str = "dyn Future";

/// Cached answers for all tasks.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) work: Work,
    pub(super) exhausted: Option<Exhausted>,
    /// Remaining steps of this walk.
    steps_left: u32,
    uncounted: u64,
    /// Whether a search of this walk reached its limit.
    pub(super) search_was_cut: bool,
    /// Number of such searches in all walks.
    pub(super) searches_cut: u32,
    /// Charge of the cached values, which are dropped with this.
    charge: Charge,
    types: HashMap<TypeId, Option<Arc<Type>>>,
    pub(super) leads: HashMap<(TypeId, Goal), Leads>,
    pub(super) held_with: HashMap<(TypeId, Goal), Held>,
    roles: HashMap<TypeId, Role>,
    names: HashMap<TypeId, TypeName>,
    vtables: HashMap<u64, Candidates>,
    polls: HashMap<u64, Polled>,
    poll_names: HashMap<u64, Option<TypeName>>,
    closures: HashMap<u64, Option<Closure>>,
}

/// The types of a vtable. There are several where the linker merged identical vtables.
#[derive(Debug, Clone)]
pub(super) struct Candidates {
    pub(super) types: Arc<[TypeId]>,
    /// Whether there are more types.
    pub(super) is_cut: bool,
}

/// The future types that a poll function polls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Polled {
    first: TypeId,
    /// `false` where the linker merged poll functions with identical code.
    is_only: bool,
}

/// The name of the closure that `spawn_blocking` runs, if known.
pub(super) type Closure = Option<Arc<str>>;

impl Content {
    pub(super) fn new(budget: &Budget) -> Content {
        Content {
            work: Work::limited(budget, MAX_STEPS_OF_ALL),
            exhausted: None,
            steps_left: MAX_STEPS,
            uncounted: 0,
            search_was_cut: false,
            searches_cut: 0,
            charge: Charge::none(budget),
            types: HashMap::new(),
            leads: HashMap::new(),
            held_with: HashMap::new(),
            roles: HashMap::new(),
            names: HashMap::new(),
            vtables: HashMap::new(),
            polls: HashMap::new(),
            poll_names: HashMap::new(),
            closures: HashMap::new(),
        }
    }

    /// Starts a walk with its own limit of steps.
    pub(super) fn begin_walk(&mut self) {
        self.steps_left = MAX_STEPS;
        self.search_was_cut = false;
    }

    /// Whether the walk used all its steps, or the limits of the command are reached.
    pub(super) fn is_exhausted(&self) -> bool {
        self.steps_left == 0 || self.exhausted.is_some()
    }

    /// Whether the walk is incomplete: it used all its steps, or met a type that contains more than the
    /// search limit.
    pub(super) fn is_cut(&self) -> bool {
        self.steps_left == 0 || self.search_was_cut
    }

    /// The limit of the command that was reached; `None` while memory and time are left.
    pub(super) fn exhausted(&self) -> Option<Exhausted> {
        self.exhausted
    }

    /// Counts steps of this walk; `false` when none are left.
    pub(super) fn spend(&mut self, steps: usize) -> bool {
        let left = u32::try_from(steps).ok().and_then(|steps| self.steps_left.checked_sub(steps));
        self.steps_left = left.unwrap_or(0);
        self.count(steps as u64) && left.is_some()
    }

    /// Counts steps of all walks.
    pub(super) fn count(&mut self, steps: u64) -> bool {
        self.uncounted += steps;
        if self.uncounted >= STEPS_PER_CHECK {
            let spent = self.work.spend(std::mem::take(&mut self.uncounted));
            self.note(spent);
        }
        self.exhausted.is_none()
    }

    /// Charges a cached value before it is stored.
    pub(super) fn keep(&mut self, bytes: u64) -> bool {
        let charged = self.charge.grow(bytes + KEPT_BYTES);
        self.note(charged)
    }

    /// Like [`Content::keep`], for text that the tasks keep after this is dropped.
    fn keep_text(&mut self, bytes: usize) -> bool {
        let charged = self.work.budget().charge(bytes as u64 + KEPT_BYTES);
        self.note(charged)
    }

    pub(super) fn note(&mut self, limit: Result<(), Exhausted>) -> bool {
        if let Err(exhausted) = limit {
            self.exhausted.get_or_insert(exhausted);
        }
        limit.is_ok()
    }

    /// The type of a value; `None` when the source does not describe it, or the walk is exhausted.
    pub(super) fn get(&mut self, source: &dyn TypeSource, id: TypeId) -> Option<Arc<Type>> {
        if !self.spend(1) {
            return None;
        }
        let found = self.described(source, id)?;
        let members = match &found.shape {
            Shape::Struct { members, .. } => members.len(),
            Shape::Enum { variants, .. } => variants.len(),
            _ => 0,
        };
        // The caller reads all members of a type, and its name.
        let steps = members / MEMBERS_PER_STEP + found.name.len() / NAME_BYTES_PER_STEP;
        self.spend(steps).then_some(found)
    }

    pub(super) fn described(&mut self, source: &dyn TypeSource, id: TypeId) -> Option<Arc<Type>> {
        if let Some(known) = self.types.get(&id) {
            return known.clone();
        }
        if !self.count(STEPS_OF_READING) {
            return None;
        }
        let found = match source.get(id) {
            Err(TypeError::Exhausted(limit)) => {
                self.note(Err(limit));
                return None;
            }
            found => found.ok(),
        };
        if self.keep(0) {
            self.types.insert(id, found.clone());
        }
        found
    }

    /// The role of a type.
    pub(super) fn role(&mut self, id: TypeId, found: &Type) -> Role {
        if let Some(known) = self.roles.get(&id) {
            return *known;
        }
        let role = role(found);
        if self.keep(0) {
            self.roles.insert(id, role);
        }
        role
    }

    /// The readable name of a type.
    pub(super) fn name(&mut self, source: &dyn TypeSource, id: TypeId, found: &Type) -> TypeName {
        if let Some(known) = self.names.get(&id) {
            return known.clone();
        }
        let name = names::of_type(found, source.owner(id).as_deref());
        if self.keep_text(name.short.len() + name.raw.len()) {
            self.names.insert(id, name.clone());
        }
        name
    }

    /// The name of the future of a poll function, taken from the name of that function.
    pub(super) fn name_of_poll(&mut self, source: &dyn TypeSource, poll: u64) -> Option<TypeName> {
        if let Some(known) = self.poll_names.get(&poll) {
            return known.clone();
        }
        if !self.count(STEPS_OF_READING) {
            return None;
        }
        let name = source.future_name(poll).map(|name| names::of_path(&name));
        if !self.keep_text(name.as_ref().map_or(0, |name| name.short.len() + name.raw.len())) {
            return None;
        }
        self.poll_names.insert(poll, name.clone());
        name
    }

    /// The name of the task of a poll function: that of its future, as the program was written.
    pub(super) fn name_of_task(&mut self, source: &dyn TypeSource, poll: u64) -> Option<TypeName> {
        let future = self.polled(source, poll);
        let described = future.and_then(|future| self.future_name(source, future));
        described.or_else(|| self.name_of_poll(source, poll))
    }

    /// The future that a poll function polls. `None` if it may be one of several: they have the same layout,
    /// but different names.
    pub(super) fn polled(&mut self, source: &dyn TypeSource, poll: u64) -> Option<TypeId> {
        self.futures_of(source, poll).filter(|polled| polled.is_only).map(|polled| polled.first)
    }

    fn futures_of(&mut self, source: &dyn TypeSource, poll: u64) -> Option<Polled> {
        if let Some(known) = self.polls.get(&poll) {
            return Some(*known);
        }
        if !self.count(STEPS_OF_READING) {
            return None;
        }
        let types = source.task_types(poll);
        let polled = Polled { first: types.first()?.future, is_only: types.len() == 1 };
        if self.keep(0) {
            self.polls.insert(poll, polled);
        }
        Some(polled)
    }

    /// The closure of the poll function of a `spawn_blocking` task; `None` for the poll function of another
    /// task.
    pub(super) fn closure(&mut self, source: &dyn TypeSource, poll: u64) -> Option<Closure> {
        if let Some(known) = self.closures.get(&poll) {
            return known.clone();
        }
        let Some(Polled { first, .. }) = self.futures_of(source, poll) else {
            return self.closure_by_name(source, poll);
        };
        let found = self.get(source, first)?;
        let closure = (base(&found.name) == "BlockingTask").then(|| {
            let closure = element(&found).and_then(|closure| self.get(source, closure));
            closure.map(|closure| names::of_type(&closure, None).short)
        });
        if self.is_exhausted() || !self.keep_text(closure.iter().flatten().map(|name| name.len()).sum()) {
            return None;
        }
        self.closures.insert(poll, closure.clone());
        closure
    }

    /// The same where the crate that spawns it is built without types: Tokio's own files, for instance.
    fn closure_by_name(&mut self, source: &dyn TypeSource, poll: u64) -> Option<Closure> {
        let raw = self.name_of_poll(source, poll)?.raw;
        let closure = raw.strip_prefix("tokio::runtime::blocking::task::BlockingTask<")?;
        Some(Some(names::of_path(closure.strip_suffix('>').unwrap_or(closure)).short))
    }

    /// The types with their vtable at an address.
    pub(super) fn behind_vtable(&mut self, source: &dyn TypeSource, vtable: u64) -> Candidates {
        if let Some(known) = self.vtables.get(&vtable) {
            return known.clone();
        }
        self.count(STEPS_OF_READING);
        let types = source.vtable_types(vtable);
        let shown = types.len().min(MAX_CANDIDATES);
        let found = Candidates { types: types[..shown].into(), is_cut: types.len() > shown };
        // Addresses that are not a vtable are not cached: memory contains any number of them.
        if shown > 0 && self.keep(0) {
            self.vtables.insert(vtable, found.clone());
        }
        found
    }

    /// The name of the future that a task was spawned with: the content of a box, if it is known. Tokio
    /// itself boxes large futures.
    pub(super) fn future_name(&mut self, source: &dyn TypeSource, mut id: TypeId) -> Option<TypeName> {
        for _ in 0..MAX_BOXES {
            let found = self.get(source, id)?;
            let inner = match (self.role(id, &found), &found.shape) {
                (Role::DynFuture, _) => return Some(names::of_path(DYN_FUTURE)),
                (Role::Owner, Shape::Pointer { target: Some(target) }) => Some(*target),
                (_, Shape::Struct { members, .. }) if is_pin(&found) => {
                    members.first().map(|member| member.type_id)
                }
                _ => None,
            };
            match inner {
                Some(inner) => id = inner,
                None => return Some(self.name(source, id, &found)),
            }
        }
        None
    }
}
