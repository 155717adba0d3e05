//! Futures in other memory: behind boxes and mutable borrows, and behind `dyn`, where the vtable identifies
//! the type; and tasks that are not in a list.

use std::sync::Arc;

use crate::decode::body;
use crate::decode::roles::member;
use crate::decode::value::Value;
use crate::decode::walk::{LARGEST_FUTURE, Place, Walk};
use crate::model::{Node, NodeKind, Resource, ResourceKind};
use crate::types::{Shape, Type, TypeId};

impl Walk<'_> {
    /// The futures behind a box or a mutable borrow.
    pub(super) fn behind_pointer(&mut self, found: &Type, at: u64, place: Place) -> Vec<Arc<Node>> {
        let Shape::Pointer { target: Some(target) } = found.shape else { return Vec::new() };
        if !self.content.leads_to_future(self.source, target) {
            return if place.is_awaited { self.unknown_future(target, at, place) } else { Vec::new() };
        }
        let pointer = self.snapshot.number(at, 8);
        let Some(avma) = self.known(pointer) else { return Vec::new() };
        if !self.has_read(target, avma) {
            return Vec::new();
        }
        self.value(target, avma, place.inner())
    }

    /// An awaited future behind a pointer, when it contains no other known future.
    fn unknown_future(&mut self, id: TypeId, pointer: u64, place: Place) -> Vec<Arc<Node>> {
        let Some(found) = self.content.get(self.source, id) else { return Vec::new() };
        if found.size > 0 {
            let avma = self.snapshot.number(pointer, 8);
            let Some(avma) = self.known(avma) else { return Vec::new() };
            if !self.has_read(id, avma) {
                return Vec::new();
            }
            return self.value(id, avma, place.inner());
        }
        self.nodes += 1;
        let name = self.name(id, &found);
        vec![Arc::new(Node {
            name,
            kind: NodeKind::Future,
            location: None,
            waits_on: None,
            children: Vec::new(),
            children_left_out: 0,
        })]
    }

    /// Whether all bytes of a value are known; requests them otherwise.
    pub(super) fn has_read(&mut self, id: TypeId, avma: u64) -> bool {
        let size = self.content.get(self.source, id).map_or(0, |found| found.size);
        if size > LARGEST_FUTURE {
            self.cut("a boxed future is larger than the read limit");
            return false;
        }
        let read = self.snapshot.read(avma, size.max(1)).map(|_| ());
        self.known(read).is_some()
    }

    pub(super) fn dyn_future(&mut self, value: Value<'_>, place: Place) -> Vec<Arc<Node>> {
        let found = value.found;
        let data = member(found, "pointer").or_else(|| member(found, "data_ptr"));
        let (Some(data), Some(vtable)) = (data, member(found, "vtable")) else { return Vec::new() };
        let pointer = value.avma.wrapping_add(data.offset);
        let data = self.snapshot.number(pointer, 8);
        let vtable = self.snapshot.number(value.avma.wrapping_add(vtable.offset), 8);
        let (Some(data), Some(vtable)) = (self.known(data), self.known(vtable)) else { return Vec::new() };
        let inner = Place { is_awaited: true, ..place.inner() };
        let mut children = Vec::new();
        let candidates = self.content.behind_vtable(self.source, vtable);
        if candidates.types.is_empty() && !body::may_be_ready(found) {
            self.cut("a vtable is unknown to the debug information");
        }
        if candidates.is_cut {
            self.cut("more types share a vtable than are shown");
        }
        for candidate in candidates.types.iter().copied() {
            if self.content.get(self.source, candidate).is_some_and(|found| found.size == 0) {
                children.extend(self.unknown_future(candidate, pointer, place));
            } else if self.has_read(candidate, data) {
                children.extend(self.value(candidate, data, inner));
            }
        }
        if body::may_be_ready(found) && !self.is_waiting && !children.iter().any(|child| body::waits(child)) {
            let of_type = |id: &TypeId| self.content.get(self.source, *id);
            let types: Vec<_> = candidates.types.iter().map(of_type).collect();
            self.has_body |= !types.iter().flatten().any(|found| body::never_waits(found));
            return Vec::new();
        }
        self.nodes += 1;
        vec![Arc::new(Node {
            name: body::dyn_name(found),
            kind: NodeKind::Dyn,
            location: None,
            waits_on: None,
            children,
            // They are alternatives and not additional futures.
            children_left_out: 0,
        })]
    }

    /// A `JoinHandle` of a task that is not listed: a task of `spawn_blocking` or of a runtime that is not
    /// watched, or a task that has ended.
    pub(super) fn blocking_task(&mut self, resource: &mut Resource) {
        let vtable = self.snapshot.number(resource.avma.wrapping_add(16), 8);
        let Some(vtable) = self.known(vtable) else { return };
        let poll = match (self.vtables)(vtable) {
            Some(vtable) => Ok(vtable.poll_avma),
            None => self.snapshot.number(vtable, 8),
        };
        let Some(poll) = self.known(poll) else { return };
        if let Some(closure) = self.content.closure(self.source, poll) {
            resource.kind = ResourceKind::BlockingTask;
            resource.detail = closure;
        }
    }
}
