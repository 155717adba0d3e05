//! The walk from a task's future to what it waits on.
//!
//! A coroutine's discriminant says at which `await` it is suspended; the member `__awaitee` of that
//! state is what it awaits. Other futures hold theirs as members, behind boxes and `dyn`; those that
//! are awaited themselves become a node, the rest is passed through.

use std::sync::Arc;

use rgops_protocol::reply::tasks::TaskVtable;

use super::content::{self, Content, Role, element, member, role, slice_element};
use super::memory::{NoBytes, Snapshot};
use super::names;
use super::waits::{self, Value, Waits, active};
use crate::tasks::model::{Location, Node, NodeKind, Resource, ResourceKind};
use crate::tasks::types::{Declared, Member, Shape, Type, TypeId, TypeSource, Variant};

/// Levels of futures in futures. Recursion by boxes may be deeper; then the stack is cut.
const DEEPEST: usize = 96;
/// Nodes of one task.
const MOST_NODES: usize = 2048;
/// Children that are listed of a future which polls many.
const MOST_CHILDREN: u64 = 16;
/// Boxed futures larger than this are not read.
const LARGEST_FUTURE: u64 = 256 * 1024;

/// Decodes one task.
pub(super) struct Walk<'w> {
    pub(super) source: &'w dyn TypeSource,
    pub(super) content: &'w mut Content,
    pub(super) snapshot: &'w Snapshot,
    /// Tasks' vtables, by address.
    pub(super) vtables: &'w dyn Fn(u64) -> Option<TaskVtable>,
    /// Whether a header is that of a listed task.
    pub(super) is_listed: &'w dyn Fn(u64) -> bool,
    pub(super) nodes: usize,
    /// Why the stack is not whole; the first reason.
    pub(super) cut: Option<&'static str>,
    /// Memory that was asked for is not there yet: what was walked is thrown away.
    pub(super) is_waiting: bool,
    pub(super) holds: Vec<Resource>,
    /// What is being walked, against structures that point at themselves.
    way: Vec<(TypeId, u64)>,
}

/// Where in a stack a future is.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    /// Whether it is what an `await` waits for, and gets a node of its own.
    is_awaited: bool,
    /// What the function around it waits for.
    enclosing: Option<ResourceKind>,
    /// What the macro is that polls it.
    combines: Option<NodeKind>,
}

impl<'w> Walk<'w> {
    pub(super) fn new(
        source: &'w dyn TypeSource,
        content: &'w mut Content,
        snapshot: &'w Snapshot,
        vtables: &'w dyn Fn(u64) -> Option<TaskVtable>,
        is_listed: &'w dyn Fn(u64) -> bool,
    ) -> Walk<'w> {
        Walk {
            source,
            content,
            snapshot,
            vtables,
            is_listed,
            nodes: 0,
            cut: None,
            is_waiting: false,
            holds: Vec::new(),
            way: Vec::new(),
        }
    }

    /// The stack of the future at an address.
    pub(super) fn future(&mut self, id: TypeId, avma: u64) -> Option<Arc<Node>> {
        let place = Place { depth: 0, is_awaited: true, enclosing: None, combines: None };
        let mut nodes = self.value(id, avma, place);
        if nodes.is_empty() { None } else { Some(nodes.swap_remove(0)) }
    }

    fn cut(&mut self, why: &'static str) {
        self.cut.get_or_insert(why);
    }

    /// Takes what was read, or notes what is missing.
    fn known<T>(&mut self, read: Result<T, NoBytes>) -> Option<T> {
        match read {
            Ok(value) => return Some(value),
            Err(NoBytes::NotYet) => self.is_waiting = true,
            Err(NoBytes::Never) => self.cut("memory it refers to cannot be read"),
        }
        None
    }

    /// The futures in a value, outermost first.
    fn value(&mut self, id: TypeId, avma: u64, place: Place) -> Vec<Arc<Node>> {
        if place.depth >= DEEPEST || self.nodes >= MOST_NODES || self.content.is_exhausted() {
            self.cut(super::TOO_MUCH);
            return Vec::new();
        }
        if self.way.contains(&(id, avma)) {
            return Vec::new();
        }
        let Some(found) = self.content.get(self.source, id) else {
            self.cut("the debug information does not describe a type of it");
            return Vec::new();
        };
        self.way.push((id, avma));
        let nodes = self.described(&found, Value { found: &found, avma }, place);
        self.way.pop();
        nodes
    }

    fn described(&mut self, found: &Type, value: Value<'_>, place: Place) -> Vec<Arc<Node>> {
        match role(found) {
            Role::Coroutine => self.coroutine(value, place).into_iter().collect(),
            Role::Leaf => vec![self.leaf(value, place)],
            Role::DynFuture => self.dyn_future(value, place),
            Role::FuturesUnordered => vec![self.futures_unordered(value, place)],
            Role::Slice => self.slice(value, place),
            Role::Vector => self.vector(value, place),
            Role::Owner => self.behind_pointer(found, value.avma, place),
            Role::Opaque => Vec::new(),
            Role::Plain if is_transparent(found) => self.members(value, place),
            Role::Plain if place.is_awaited => vec![self.future_by_hand(value, place)],
            Role::Plain => self.members(value, place),
        }
    }

    /// The futures in the members of a struct, or of an enum's variant.
    fn members(&mut self, value: Value<'_>, place: Place) -> Vec<Arc<Node>> {
        let inner = Place { depth: place.depth + 1, ..place };
        match &value.found.shape {
            Shape::Struct { members, is_union: false } => {
                let mut nodes = Vec::new();
                for member in members {
                    if self.content.leads_to_future(self.source, member.type_id) {
                        nodes.extend(self.value(
                            member.type_id,
                            value.avma.wrapping_add(member.offset),
                            inner,
                        ));
                    }
                }
                nodes
            }
            Shape::Enum { .. } => {
                let content = active(self.snapshot, value);
                let Some(Some(content)) = self.known(content) else { return Vec::new() };
                if !self.content.leads_to_future(self.source, content.type_id) {
                    return Vec::new();
                }
                self.value(content.type_id, value.avma.wrapping_add(content.offset), inner)
            }
            Shape::Array { element, length } => {
                let size = self.content.get(self.source, *element).map_or(0, |found| found.size);
                self.elements(*element, size, value.avma, *length, inner)
            }
            _ => Vec::new(),
        }
    }

    fn coroutine(&mut self, value: Value<'_>, place: Place) -> Option<Arc<Node>> {
        self.nodes += 1;
        let name = names::of_type(value.found);
        let state = active(self.snapshot, value);
        let state = self.known(state)?;
        let Some(state) = state else {
            self.cut("a state is none the debug information knows");
            return None;
        };
        let content = self.content.get(self.source, state.type_id);
        let state_name = content.as_ref().map_or(&*state.name, |content| &*content.name).to_owned();
        let enclosing = waits::kind_of_function(&name.short).or(place.enclosing);
        let kind =
            if value.found.name.starts_with("{async_fn") { NodeKind::AsyncFn } else { NodeKind::AsyncBlock };
        let (mut children, mut location) = (Vec::new(), state_without_await(&state_name));
        if let (None, Some(content)) = (&location, &content) {
            let at = value.avma.wrapping_add(state.offset);
            let combines = state.declared.as_ref().and_then(macro_of);
            location = self.await_of(value.found, state, content);
            if let Shape::Struct { members, .. } = &content.shape {
                for member in members {
                    let avma = at.wrapping_add(member.offset);
                    if &*member.name == "__awaitee" {
                        let inner = Place { depth: place.depth + 1, is_awaited: true, enclosing, combines };
                        children.extend(self.value(member.type_id, avma, inner));
                    } else {
                        self.guards(member, avma);
                    }
                }
            }
        }
        Some(Arc::new(Node { name, kind, location, waits_on: None, children, children_left_out: 0 }))
    }

    /// Locks held by a local that lives across the await.
    fn guards(&mut self, member: &Member, avma: u64) {
        if !self.content.leads_to_guard(self.source, member.type_id) {
            return;
        }
        let Some(found) = self.content.get(self.source, member.type_id) else { return };
        let mut held = std::mem::take(&mut self.holds);
        let read = self.waits().guards(Value { found: &found, avma }, 8, &mut held);
        self.holds = held;
        self.known(read);
    }

    fn waits(&mut self) -> Waits<'_> {
        Waits { source: self.source, content: self.content, snapshot: self.snapshot }
    }

    /// Where a coroutine is suspended, in the author's code: where that is a macro of another crate, the
    /// line of the macro's use, which its locals tell.
    fn await_of(&mut self, coroutine: &Type, state: &Member, content: &Type) -> Option<Location> {
        let declared = state.declared.as_ref()?;
        let at = |declared: &Declared| Location::Await { file: declared.file.clone(), line: declared.line };
        if macro_of(declared).is_none() {
            return Some(at(declared));
        }
        let members = match &content.shape {
            Shape::Struct { members, .. } => &members[..],
            _ => &[],
        };
        let own = |declared: &&Declared| macro_of(declared).is_none() && declared.line > 0;
        let of_locals = members.iter().filter_map(|member| member.declared.as_ref()).filter(own);
        let of_states = match &coroutine.shape {
            Shape::Enum { variants, .. } => &variants[..],
            _ => &[],
        };
        let of_states = of_states.iter().filter_map(|variant: &Variant| variant.content.declared.as_ref());
        let known = of_locals
            .max_by_key(|declared| declared.line)
            .or_else(|| of_states.filter(own).min_by_key(|declared| declared.line));
        Some(at(known.unwrap_or(declared)))
    }

    fn leaf(&mut self, value: Value<'_>, place: Place) -> Arc<Node> {
        self.nodes += 1;
        let resource = self.waits().of_leaf(value, place.enclosing);
        let mut resource = self.known(resource);
        if let Some(resource) = &mut resource
            && resource.kind == ResourceKind::Task
            && !(self.is_listed)(resource.avma)
        {
            self.blocking_task(resource);
        }
        Arc::new(Node {
            name: names::of_type(value.found),
            kind: NodeKind::Future,
            location: None,
            waits_on: resource,
            children: Vec::new(),
            children_left_out: 0,
        })
    }

    /// A `JoinHandle` of a task in no list: of `spawn_blocking`, of a runtime that is not watched, or one
    /// that has ended.
    fn blocking_task(&mut self, resource: &mut Resource) {
        let vtable = self.snapshot.number(resource.avma.wrapping_add(16), 8);
        let Some(vtable) = self.known(vtable) else { return };
        let poll = match (self.vtables)(vtable) {
            Some(vtable) => Ok(vtable.poll_avma),
            None => self.snapshot.number(vtable, 8),
        };
        let Some(poll) = self.known(poll) else { return };
        let types = self.source.task_types(poll);
        let Some(found) = types.first().and_then(|types| self.content.get(self.source, types.future)) else {
            return;
        };
        if waits::base(&found.name) == "BlockingTask" {
            resource.kind = ResourceKind::BlockingTask;
            let closure = content::element(&found).and_then(|closure| self.content.get(self.source, closure));
            resource.detail = closure.map(|closure| names::of_type(&closure).short);
        }
    }

    /// A future that is awaited and is none of the above: it is shown, with what it polls below it.
    fn future_by_hand(&mut self, value: Value<'_>, place: Place) -> Arc<Node> {
        self.nodes += 1;
        let name = names::of_type(value.found);
        let base = waits::base(&value.found.name);
        let kind = match (place.combines, base) {
            (Some(combines), "PollFn") => combines,
            (_, "JoinAll" | "TryJoinAll" | "FuturesOrdered" | "JoinSet" | "Join" | "Join3") => NodeKind::Join,
            (_, "Select" | "SelectAll") => NodeKind::Select,
            _ => NodeKind::Future,
        };
        let inner = Place { is_awaited: false, combines: None, ..place };
        let mut children = self.members(value, inner);
        let left_out = (children.len() as u64).saturating_sub(MOST_CHILDREN);
        children.truncate(MOST_CHILDREN as usize);
        let mut waits_on = None;
        if children.is_empty() && !self.is_waiting {
            let resource = self.waits().of_other(value, 12);
            waits_on = self.known(resource).flatten();
        }
        Arc::new(Node { name, kind, location: None, waits_on, children, children_left_out: left_out })
    }

    /// Behind a box or a mutable borrow.
    fn behind_pointer(&mut self, found: &Type, at: u64, place: Place) -> Vec<Arc<Node>> {
        let Shape::Pointer { target: Some(target) } = found.shape else { return Vec::new() };
        if !self.content.leads_to_future(self.source, target) {
            return if place.is_awaited { self.unknown_future(target, place) } else { Vec::new() };
        }
        let pointer = self.snapshot.number(at, 8);
        let Some(avma) = self.known(pointer) else { return Vec::new() };
        if !self.has_read(target, avma) {
            return Vec::new();
        }
        self.value(target, avma, Place { depth: place.depth + 1, ..place })
    }

    /// An awaited future that holds no other that is known.
    fn unknown_future(&mut self, id: TypeId, _place: Place) -> Vec<Arc<Node>> {
        let Some(found) = self.content.get(self.source, id) else { return Vec::new() };
        self.nodes += 1;
        vec![Arc::new(Node {
            name: names::of_type(&found),
            kind: NodeKind::Future,
            location: None,
            waits_on: None,
            children: Vec::new(),
            children_left_out: 0,
        })]
    }

    /// Whether all bytes of a value are there; asks for them otherwise.
    fn has_read(&mut self, id: TypeId, avma: u64) -> bool {
        let size = self.content.get(self.source, id).map_or(0, |found| found.size);
        if size > LARGEST_FUTURE {
            self.cut("a boxed future is larger than is read");
            return false;
        }
        let read = self.snapshot.read(avma, size.max(1)).map(|_| ());
        self.known(read).is_some()
    }

    fn dyn_future(&mut self, value: Value<'_>, place: Place) -> Vec<Arc<Node>> {
        let found = value.found;
        let data = member(found, "pointer").or_else(|| member(found, "data_ptr"));
        let (Some(data), Some(vtable)) = (data, member(found, "vtable")) else { return Vec::new() };
        let data = self.snapshot.number(value.avma.wrapping_add(data.offset), 8);
        let vtable = self.snapshot.number(value.avma.wrapping_add(vtable.offset), 8);
        let (Some(data), Some(vtable)) = (self.known(data), self.known(vtable)) else { return Vec::new() };
        let inner = Place { depth: place.depth + 1, is_awaited: true, ..place };
        let mut children = Vec::new();
        let candidates = self.source.vtable_types(vtable);
        if candidates.is_empty() {
            self.cut("the debug information does not know a vtable");
        }
        // More than one where the linker merged identical vtables: all are shown.
        for candidate in candidates.into_iter().take(4) {
            if self.content.get(self.source, candidate).is_some_and(|found| found.size == 0) {
                children.extend(self.unknown_future(candidate, place));
            } else if self.has_read(candidate, data) {
                children.extend(self.value(candidate, data, inner));
            }
        }
        self.nodes += 1;
        vec![Arc::new(Node {
            name: names::of_path("dyn Future"),
            kind: NodeKind::Dyn,
            location: None,
            waits_on: None,
            children,
            children_left_out: 0,
        })]
    }

    /// `futures_util`'s list: every future is in an `Arc<Task>` that points at the next
    /// (`futures-util/src/stream/futures_unordered/task.rs`).
    fn futures_unordered(&mut self, value: Value<'_>, place: Place) -> Arc<Node> {
        self.nodes += 1;
        let mut children = Vec::new();
        let mut left_out = 0;
        if let Some((mut at, task)) = self.first_of_list(value) {
            let (next, future) = (member(&task.1, "next_all").cloned(), member(&task.1, "future").cloned());
            let inner = Place { depth: place.depth + 1, is_awaited: false, ..place };
            let mut listed = 0;
            while at != 0
                && let (Some(next), Some(future)) = (&next, &future)
            {
                if listed >= MOST_CHILDREN {
                    // How many more there are is not counted: that would be one reading each.
                    left_out = 1;
                    break;
                }
                listed += 1;
                if !self.has_read(task.0, at) {
                    break;
                }
                children.extend(self.value(future.type_id, at.wrapping_add(future.offset), inner));
                let read = self.snapshot.number(at.wrapping_add(next.offset), 8);
                match self.known(read) {
                    Some(next) => at = next,
                    None => break,
                }
            }
        }
        Arc::new(Node {
            name: names::of_type(value.found),
            kind: NodeKind::Join,
            location: None,
            waits_on: None,
            children,
            children_left_out: left_out,
        })
    }

    /// The first task of a `FuturesUnordered`, and the type of its tasks.
    fn first_of_list(&mut self, value: Value<'_>) -> Option<(u64, (TypeId, Arc<Type>))> {
        let head = member(value.found, "head_all")?.clone();
        let found = self.content.get(self.source, head.type_id)?;
        let pointer = self.waits().first_pointer(&found, value.avma.wrapping_add(head.offset), 6);
        // An `AtomicPtr<Task<F>>`: its parameter is the task's type.
        let (at, target) = self.known(pointer)??;
        let mut task = target.or_else(|| element(&found));
        if let Some(parameter) = element(&found) {
            task = Some(parameter);
        }
        let task = task?;
        Some((at, (task, self.content.get(self.source, task)?)))
    }

    fn slice(&mut self, value: Value<'_>, place: Place) -> Vec<Arc<Node>> {
        let (Some(data), Some(length)) = (member(value.found, "data_ptr"), member(value.found, "length"))
        else {
            return Vec::new();
        };
        let Some(pointer) = slice_element(value.found).and_then(|id| self.content.get(self.source, id))
        else {
            return Vec::new();
        };
        let Shape::Pointer { target: Some(element) } = pointer.shape else { return Vec::new() };
        let at = self.snapshot.number(value.avma.wrapping_add(data.offset), 8);
        let length = self.snapshot.number(value.avma.wrapping_add(length.offset), 8);
        let (Some(at), Some(length)) = (self.known(at), self.known(length)) else { return Vec::new() };
        self.listed(element, at, length, place)
    }

    fn vector(&mut self, value: Value<'_>, place: Place) -> Vec<Arc<Node>> {
        let (Some(element), Some(length)) = (element(value.found), member(value.found, "len")) else {
            return Vec::new();
        };
        let length = self.snapshot.number(value.avma.wrapping_add(length.offset), 8);
        let pointer = self.waits().first_pointer(value.found, value.avma, 8);
        let (Some(length), Some(Some((at, _)))) = (self.known(length), self.known(pointer)) else {
            return Vec::new();
        };
        self.listed(element, at, length, place)
    }

    /// Elements elsewhere in memory, the first of them.
    fn listed(&mut self, element: TypeId, at: u64, length: u64, place: Place) -> Vec<Arc<Node>> {
        if length == 0 || !self.content.leads_to_future(self.source, element) {
            return Vec::new();
        }
        let size = self.content.get(self.source, element).map_or(0, |found| found.size);
        // What is beyond is left out: by the caller's count, which is one more than it shows.
        let length = length.min(MOST_CHILDREN + 1);
        if size.saturating_mul(length) > LARGEST_FUTURE {
            self.cut("a list of futures is larger than is read");
            return Vec::new();
        }
        let read = self.snapshot.read(at, (size * length).max(1)).map(|_| ());
        if self.known(read).is_none() {
            return Vec::new();
        }
        self.elements(element, size, at, length, Place { depth: place.depth + 1, ..place })
    }

    fn elements(&mut self, element: TypeId, size: u64, at: u64, length: u64, place: Place) -> Vec<Arc<Node>> {
        let mut nodes = Vec::new();
        for number in 0..length.min(MOST_CHILDREN + 1) {
            nodes.extend(self.value(element, at.wrapping_add(number * size), place));
        }
        nodes
    }
}

/// Wrappers that nobody wants to see: what is in them is awaited.
fn is_transparent(found: &Type) -> bool {
    matches!(
        (&*found.namespace, waits::base(&found.name)),
        ("core::pin", "Pin") | ("core::mem::manually_drop", "ManuallyDrop") | ("tokio::task::coop", "Coop")
    )
}

/// A state in which nothing is awaited.
fn state_without_await(name: &str) -> Option<Location> {
    match name {
        "Unresumed" => Some(Location::Unresumed),
        "Returned" => Some(Location::Returned),
        "Panicked" => Some(Location::Panicked),
        _ => None,
    }
}

/// What the macro does in which a line is.
fn macro_of(declared: &Declared) -> Option<NodeKind> {
    let file = &*declared.file;
    let ends = |names: &[&str]| names.iter().any(|name| file.ends_with(name));
    if ends(&["macros/select.rs", "async_await/select_mod.rs"]) {
        Some(NodeKind::Select)
    } else if ends(&["macros/join.rs", "macros/try_join.rs", "async_await/join_mod.rs"]) {
        Some(NodeKind::Join)
    } else if ends(&["tokio/src/macros/pin.rs", "core/src/pin.rs"]) {
        Some(NodeKind::Future)
    } else {
        None
    }
}
