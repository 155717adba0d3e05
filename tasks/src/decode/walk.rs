//! The walk from a task's future to the resource it waits on.
//!
//! A coroutine's discriminant shows the `await` where it is suspended; the member `__awaitee` of that state
//! is the awaited future. Other futures contain theirs as members, behind boxes and `dyn`. An awaited future
//! becomes a node; the others are passed through.

use std::sync::Arc;

use rgops_protocol::reply::tasks::TaskVtable;

use crate::decode::aside::Aside;
use crate::decode::content::Content;
use crate::decode::goal::Goal;
use crate::decode::macros::Macro;
use crate::decode::memory::{NoBytes, Snapshot};
use crate::decode::roles::{Role, base, is_shared_cell};
use crate::decode::value::{Value, active};
use crate::decode::waits::{self, Waits, Within};
use crate::model::{Node, NodeKind, Resource, ResourceKind, TypeName};
use crate::types::{Member, Shape, Type, TypeId, TypeSource};

/// Maximum levels of nested futures. Recursion through boxes may be deeper: the stack is then cut.
const DEEPEST: usize = 96;
/// Maximum nodes of one task.
const MAX_NODES: usize = 2048;
/// Maximum children listed for a future that polls many.
pub(super) const MAX_CHILDREN: u64 = 16;
/// Maximum size of a boxed future that is read.
pub(super) const LARGEST_FUTURE: u64 = 256 * 1024;

/// The reported reason if decoding ends because damaged memory or types exceed a limit.
pub(super) const TOO_MUCH: &str = "it is deeper or wider than the decoding limit";

/// Decodes one task.
pub(super) struct Walk<'w> {
    pub(super) source: &'w dyn TypeSource,
    pub(super) content: &'w mut Content,
    pub(super) snapshot: &'w Snapshot,
    /// The vtables of tasks, by address.
    pub(super) vtables: &'w dyn Fn(u64) -> Option<TaskVtable>,
    /// Whether an address is the header of a listed task.
    pub(super) is_listed: &'w dyn Fn(u64) -> bool,
    pub(super) nodes: usize,
    /// Why the stack is incomplete; the first reason.
    pub(super) cut: Option<&'static str>,
    /// Whether requested memory has not arrived yet: the result of this walk is then discarded.
    pub(super) is_waiting: bool,
    pub(super) holds: Vec<Resource>,
    /// The earliest deadline of the timers that have not fired.
    pub(super) due_ns: Option<u64>,
    /// Elements of lists in the current future that were not visited.
    pub(super) left_out: u64,
    /// Values of suspended functions that contain futures and are not awaited, and what was visited.
    pub(super) aside: Aside,
    /// Whether the current future has a body that may wait for something unknown.
    pub(super) has_body: bool,
    /// The values on the current path, to detect structures that point at themselves.
    path: Vec<(TypeId, u64)>,
}

/// The position of a future in a stack.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) depth: usize,
    /// Whether an `await` waits for it, so that it gets its own node.
    pub(super) is_awaited: bool,
    /// The Tokio function around it that the author called, and the resource it waits on.
    pub(super) within: Option<Within>,
    /// The macro that polls it.
    pub(super) combines: Option<Macro>,
    /// Whether a tuple in it belongs to a macro: each of its members is awaited.
    pub(super) has_branches: bool,
}

impl Place {
    /// One level deeper.
    pub(super) fn inner(self) -> Place {
        Place { depth: self.depth + 1, ..self }
    }
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
            due_ns: None,
            left_out: 0,
            aside: Aside::default(),
            has_body: false,
            path: Vec::new(),
        }
    }

    /// The stack of the future at an address.
    pub(super) fn future(&mut self, id: TypeId, avma: u64) -> Option<Arc<Node>> {
        let place = Place { depth: 0, is_awaited: true, within: None, combines: None, has_branches: false };
        let mut nodes = self.value(id, avma, place);
        if nodes.is_empty() { None } else { Some(nodes.swap_remove(0)) }
    }

    pub(super) fn cut(&mut self, why: &'static str) {
        self.cut.get_or_insert(why);
    }

    /// Whether a limit is reached, so that the rest is not visited and the stack is incomplete.
    pub(super) fn is_full(&mut self) -> bool {
        let is_full = self.nodes >= MAX_NODES || self.content.is_exhausted();
        if is_full {
            self.cut(TOO_MUCH);
        }
        is_full
    }

    /// Returns the value that was read, or records that it is missing.
    pub(super) fn known<T>(&mut self, read: Result<T, NoBytes>) -> Option<T> {
        match read {
            Ok(value) => return Some(value),
            Err(NoBytes::NotYet) => self.is_waiting = true,
            Err(NoBytes::Never) => self.cut("memory it refers to cannot be read"),
        }
        None
    }

    /// The futures in a value, outermost first.
    pub(super) fn value(&mut self, id: TypeId, avma: u64, place: Place) -> Vec<Arc<Node>> {
        if place.depth >= DEEPEST || self.is_full() {
            self.cut(TOO_MUCH);
            return Vec::new();
        }
        if self.path.contains(&(id, avma)) {
            return Vec::new();
        }
        let Some(found) = self.content.get(self.source, id) else {
            self.cut("the debug information does not describe one of its types");
            return Vec::new();
        };
        self.path.push((id, avma));
        let nodes = self.described(id, Value { found: &found, avma }, place);
        self.path.pop();
        nodes
    }

    fn described(&mut self, id: TypeId, value: Value<'_>, place: Place) -> Vec<Arc<Node>> {
        let found = value.found;
        if self.aside.is_searched && (is_shared_cell(found) || !self.content.leads_to_lock(self.source, id)) {
            return Vec::new();
        }
        match self.content.role(id, found) {
            Role::Leaf if self.aside.is_searched => {
                self.acquire_set_aside(value, place);
                Vec::new()
            }
            Role::Coroutine => self.coroutine(id, value, place).into_iter().collect(),
            Role::Leaf => vec![self.leaf(id, value, place)],
            Role::DynFuture => self.dyn_future(value, place),
            Role::FuturesUnordered => vec![self.futures_unordered(id, value, place)],
            Role::JoinSet => self.join_set(value, place),
            Role::Shared => vec![self.shared(id, value, place)],
            Role::Slice => self.slice(value, place),
            Role::Vector => self.vector(value, place),
            Role::Owner => self.behind_pointer(found, value.avma, place),
            Role::Opaque => Vec::new(),
            Role::MaybeDone => self.maybe_done(value, place),
            Role::Plain if is_transparent(found) => self.members(id, value, place),
            Role::Plain if place.has_branches && found.name.starts_with('(') => self.branches(value, place),
            Role::Plain if place.is_awaited => vec![self.future_by_hand(id, value, place)],
            Role::Plain => self.members(id, value, place),
        }
    }

    /// The futures in the members of a struct, or of an enum's variant.
    fn members(&mut self, id: TypeId, value: Value<'_>, place: Place) -> Vec<Arc<Node>> {
        let inner = place.inner();
        match &value.found.shape {
            Shape::Struct { members, is_union: false } => {
                let mut nodes = Vec::new();
                let leading = self.content.members_with(self.source, id, Goal::Future);
                for member in leading.iter().filter_map(|number| members.get(*number as usize)) {
                    if self.is_full() {
                        break;
                    }
                    let avma = value.avma.wrapping_add(member.offset);
                    nodes.extend(self.value(member.type_id, avma, inner));
                }
                nodes
            }
            Shape::Enum { .. } => {
                let content = active(self.snapshot, value);
                let Some(Some(content)) = self.known(content) else { return Vec::new() };
                self.variant(content, value.avma, inner)
            }
            Shape::Array { element, length } => {
                let size = self.content.get(self.source, *element).map_or(0, |found| found.size);
                self.left_out = self.left_out.saturating_add(length.saturating_sub(MAX_CHILDREN));
                self.elements(*element, size, value.avma, *length, inner)
            }
            _ => Vec::new(),
        }
    }

    /// The futures in a variant's content. This struct is not in source code; its members are awaited if the
    /// enum is.
    fn variant(&mut self, content: &Member, avma: u64, place: Place) -> Vec<Arc<Node>> {
        if !self.content.leads_to_future(self.source, content.type_id) {
            return Vec::new();
        }
        let Some(found) = self.content.get(self.source, content.type_id) else { return Vec::new() };
        let value = Value { found: &found, avma: avma.wrapping_add(content.offset) };
        self.members(content.type_id, value, place)
    }

    /// A branch of `join!` and `join_all`: a future until it is done.
    fn maybe_done(&mut self, value: Value<'_>, place: Place) -> Vec<Arc<Node>> {
        let content = active(self.snapshot, value);
        match self.known(content) {
            Some(Some(content)) if &*content.name == "Future" => {
                self.variant(content, value.avma, place.inner())
            }
            _ => Vec::new(),
        }
    }

    /// The branches of a macro: each is a future, of any type.
    fn branches(&mut self, value: Value<'_>, place: Place) -> Vec<Arc<Node>> {
        let Shape::Struct { members, .. } = &value.found.shape else { return Vec::new() };
        let inner = Place { is_awaited: true, has_branches: false, ..place.inner() };
        let mut nodes = Vec::new();
        self.left_out = self.left_out.saturating_add((members.len() as u64).saturating_sub(MAX_CHILDREN));
        for member in members.iter().take(MAX_CHILDREN as usize) {
            nodes.extend(self.value(member.type_id, value.avma.wrapping_add(member.offset), inner));
        }
        nodes
    }

    /// The name of a type that was found in memory.
    pub(super) fn name(&mut self, id: TypeId, found: &Type) -> TypeName {
        self.content.name(self.source, id, found)
    }

    pub(super) fn waits(&mut self) -> Waits<'_> {
        Waits { source: self.source, content: self.content, snapshot: self.snapshot }
    }

    fn leaf(&mut self, id: TypeId, value: Value<'_>, place: Place) -> Arc<Node> {
        self.nodes += 1;
        self.aside.visited.insert(value.avma);
        let resource = self.waits().of_leaf(value, place.within);
        let mut resource = self.known(resource);
        if resource.as_ref().is_some_and(|resource| resource.kind == ResourceKind::Timer) {
            self.timer(value);
        }
        if let Some(resource) = &mut resource
            && resource.kind == ResourceKind::Task
            && !(self.is_listed)(resource.avma)
        {
            self.blocking_task(resource);
        }
        let name = self.name(id, value.found);
        Arc::new(Node {
            name,
            kind: NodeKind::Future,
            location: None,
            waits_on: resource,
            children: Vec::new(),
            children_left_out: 0,
        })
    }

    /// Notes when a timer is due that has not fired. Where that cannot be read, the stack is complete without it.
    fn timer(&mut self, sleep: Value<'_>) {
        match self.waits().due_ns(sleep) {
            Ok(due) => self.due_ns = self.due_ns.into_iter().chain(due).min(),
            Err(NoBytes::NotYet) => self.is_waiting = true,
            Err(NoBytes::Never) => {}
        }
    }

    /// An awaited future of any other kind: it is shown, with the futures that it polls below it.
    fn future_by_hand(&mut self, id: TypeId, value: Value<'_>, place: Place) -> Arc<Node> {
        self.nodes += 1;
        let mut name = self.name(id, value.found);
        let base = base(&value.found.name);
        let combines = place.combines.filter(|_| base == "PollFn");
        let kind = match (combines, base) {
            (Some(combines), _) => {
                name.short = Arc::from(combines.name);
                combines.kind
            }
            (_, "JoinAll" | "TryJoinAll" | "FuturesOrdered" | "Join" | "Join3") => NodeKind::Join,
            (_, "Select" | "SelectAll" | "SelectOk") => NodeKind::Select,
            _ => NodeKind::Future,
        };
        let has_branches = combines.is_some();
        let inner = Place { is_awaited: false, combines: None, has_branches, ..place };
        let left_out = std::mem::take(&mut self.left_out);
        let around_has_body = std::mem::take(&mut self.has_body);
        let mut children = self.members(id, value, inner);
        let not_visited = std::mem::replace(&mut self.left_out, left_out);
        let not_listed = (children.len() as u64).saturating_sub(MAX_CHILDREN);
        let children_left_out = not_visited.saturating_add(not_listed);
        children.truncate(MAX_CHILDREN as usize);
        let mut waits_on = None;
        if children.is_empty() && !self.is_waiting {
            let resource = self.waits().of_other(value, waits::DEEPEST_OTHER);
            let own = self.known(resource).flatten();
            waits_on = place.within.map_or(own.clone(), |within| within.resource().or(own));
            waits_on = waits_on.map(|resource| self.or_its_body(value, resource));
        }
        self.has_body = around_has_body;
        Arc::new(Node { name, kind, location: None, waits_on, children, children_left_out })
    }
}

/// Wrappers that are not shown: their content counts as awaited.
fn is_transparent(found: &Type) -> bool {
    matches!(
        (&*found.namespace, base(&found.name)),
        ("core::pin", "Pin") | ("core::mem::manually_drop", "ManuallyDrop") | ("tokio::task::coop", "Coop")
    )
}
