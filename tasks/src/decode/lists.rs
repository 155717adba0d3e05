//! Futures in lists: slices and vectors, `FuturesUnordered`, the tasks of a `JoinSet`, and the future shared
//! by all clones of a `Shared`.

use std::sync::Arc;

use crate::decode::roles::{element, member};
use crate::decode::value::Value;
use crate::decode::walk::{LARGEST_FUTURE, MAX_CHILDREN, Place, Walk};
use crate::model::{Node, NodeKind};
use crate::types::{Shape, Type, TypeId};

impl Walk<'_> {
    /// The list of `futures_util`: each future is in an `Arc<Task>` that points at the next one, and the
    /// first has the number of all (`futures-util/src/stream/futures_unordered/{mod,task}.rs`).
    pub(super) fn futures_unordered(&mut self, id: TypeId, value: Value<'_>, place: Place) -> Arc<Node> {
        self.nodes += 1;
        let mut children = Vec::new();
        let mut left_out = 0;
        if let Some((mut at, task)) = self.first_of_list(value) {
            let (next, future) = (member(&task.1, "next_all").cloned(), member(&task.1, "future").cloned());
            let length = member(&task.1, "len_all").map(|length| at.wrapping_add(length.offset));
            let inner = Place { is_awaited: false, ..place.inner() };
            let mut listed = 0;
            while at != 0
                && listed < MAX_CHILDREN
                && !self.is_full()
                && let (Some(next), Some(future)) = (&next, &future)
            {
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
            if at != 0 && listed == MAX_CHILDREN {
                let length = length.map(|length| self.snapshot.number(length, 8));
                let length = length.and_then(|length| self.known(length)).unwrap_or(0);
                // At least one, since the list continues.
                left_out = length.saturating_sub(listed).max(1);
            }
        }
        let name = self.name(id, value.found);
        Arc::new(Node {
            name,
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
        // An `AtomicPtr<Task<F>>`: its parameter is the type of the task.
        let (at, target) = self.known(pointer)??;
        let mut task = target.or_else(|| element(&found));
        if let Some(parameter) = element(&found) {
            task = Some(parameter);
        }
        let task = task?;
        Some((at, (task, self.content.get(self.source, task)?)))
    }

    pub(super) fn slice(&mut self, value: Value<'_>, place: Place) -> Vec<Arc<Node>> {
        let (Some(data), Some(length)) = (member(value.found, "data_ptr"), member(value.found, "length"))
        else {
            return Vec::new();
        };
        let Some(element) = self.content.slice_element(self.source, value.found) else {
            return Vec::new();
        };
        let at = self.snapshot.number(value.avma.wrapping_add(data.offset), 8);
        let length = self.snapshot.number(value.avma.wrapping_add(length.offset), 8);
        let (Some(at), Some(length)) = (self.known(at), self.known(length)) else { return Vec::new() };
        self.listed(element, at, length, place)
    }

    pub(super) fn vector(&mut self, value: Value<'_>, place: Place) -> Vec<Arc<Node>> {
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

    /// The first elements of a list in other memory.
    fn listed(&mut self, element: TypeId, at: u64, length: u64, place: Place) -> Vec<Arc<Node>> {
        if length == 0 || !self.content.leads_to_future(self.source, element) {
            return Vec::new();
        }
        let size = self.content.get(self.source, element).map_or(0, |found| found.size);
        self.left_out = self.left_out.saturating_add(length.saturating_sub(MAX_CHILDREN));
        let length = length.min(MAX_CHILDREN);
        if size.saturating_mul(length) > LARGEST_FUTURE {
            self.cut("a list of futures is larger than the read limit");
            return Vec::new();
        }
        let read = self.snapshot.read(at, (size * length).max(1)).map(|_| ());
        if self.known(read).is_none() {
            return Vec::new();
        }
        self.elements(element, size, at, length, place.inner())
    }

    pub(super) fn elements(
        &mut self,
        element: TypeId,
        size: u64,
        at: u64,
        length: u64,
        place: Place,
    ) -> Vec<Arc<Node>> {
        let mut nodes = Vec::new();
        for number in 0..length.min(MAX_CHILDREN) {
            if self.is_full() {
                break;
            }
            nodes.extend(self.value(element, at.wrapping_add(number.wrapping_mul(size)), place));
        }
        nodes
    }

    /// The tasks of a `JoinSet`: Tokio keeps their handles in two lists in a lock, one for the woken
    /// tasks and one for the others (`tokio/src/util/idle_notified_set.rs`).
    pub(super) fn join_set(&mut self, value: Value<'_>, place: Place) -> Vec<Arc<Node>> {
        let mut nodes = Vec::new();
        let Some(lists) = member(value.found, "lists").cloned() else { return nodes };
        let Some(found) = self.content.get(self.source, lists.type_id) else { return nodes };
        let pointer = self.waits().first_pointer(&found, value.avma.wrapping_add(lists.offset), 6);
        let Some(Some((avma, Some(target)))) = self.known(pointer) else { return nodes };
        if !self.has_read(target, avma) {
            return nodes;
        }
        let length = member(value.found, "length").map(|length| value.avma.wrapping_add(length.offset));
        let length = length.map(|length| self.snapshot.number(length, 8));
        let length = length.and_then(|length| self.known(length)).unwrap_or(0);
        for list in ["notified", "idle"] {
            let Some((head, offset)) = self.named_in(target, list, 8) else { continue };
            let Some(found) = self.content.get(self.source, head) else { continue };
            let Some(head) = member(&found, "head").cloned() else { continue };
            let Some(found) = self.content.get(self.source, head.type_id) else { continue };
            let at = avma.wrapping_add(offset).wrapping_add(head.offset);
            let first = self.waits().first_pointer(&found, at, 4);
            let Some(Some((first, Some(entry)))) = self.known(first) else { continue };
            self.join_set_entries(first, entry, place, &mut nodes);
        }
        self.left_out = self.left_out.saturating_add(length.saturating_sub(nodes.len() as u64));
        nodes
    }

    fn join_set_entries(&mut self, first: u64, entry: TypeId, place: Place, nodes: &mut Vec<Arc<Node>>) {
        let value = self.named_in(entry, "value", 1);
        let next = self.named_in(entry, "next", 8);
        let (Some((value, value_offset)), Some((next, next_offset))) = (value, next) else { return };
        let Some(next) = self.content.get(self.source, next) else { return };
        let inner = Place { is_awaited: false, ..place.inner() };
        let mut at = first;
        for _ in nodes.len() as u64..MAX_CHILDREN {
            if at == 0 || self.is_full() || !self.has_read(entry, at) {
                return;
            }
            nodes.extend(self.value(value, at.wrapping_add(value_offset), inner));
            let pointer = self.waits().first_pointer(&next, at.wrapping_add(next_offset), 4);
            at = match self.known(pointer) {
                Some(Some((next, _))) => next,
                _ => 0,
            };
        }
    }

    /// Type and offset of the outermost member with this name at any depth in structs.
    fn named_in(&mut self, id: TypeId, name: &str, depth: usize) -> Option<(TypeId, u64)> {
        let found = self.content.get(self.source, id)?;
        let Shape::Struct { members, .. } = &found.shape else { return None };
        if let Some(member) = members.iter().find(|member| &*member.name == name) {
            return Some((member.type_id, member.offset));
        }
        let inner = depth.checked_sub(1)?;
        members.iter().find_map(|member| {
            let (id, offset) = self.named_in(member.type_id, name, inner)?;
            Some((id, member.offset.wrapping_add(offset)))
        })
    }

    /// A future in an `Arc` that all clones poll (`futures-util/src/future/future/shared.rs`).
    pub(super) fn shared(&mut self, id: TypeId, value: Value<'_>, place: Place) -> Arc<Node> {
        self.nodes += 1;
        let pointer = self.waits().first_pointer(value.found, value.avma, 8);
        let mut children = Vec::new();
        if let Some(Some((avma, Some(target)))) = self.known(pointer)
            && self.has_read(target, avma)
        {
            children = self.value(target, avma, Place { is_awaited: false, ..place.inner() });
        }
        let name = self.name(id, value.found);
        Arc::new(Node {
            name,
            kind: NodeKind::Future,
            location: None,
            waits_on: None,
            children,
            children_left_out: 0,
        })
    }
}
