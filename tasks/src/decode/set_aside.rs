//! Locks that a task keeps in futures which it does not poll now: a `select!` was won by another branch, and the
//! loser is still in a local variable, a box or a list. If the task then waits for the same lock, nothing ever
//! releases it.
//!
//! What the awaited future leads to is polled. Every other local variable that owns a future is searched
//! afterwards. A future that both lead to is polled: it is pinned in one place and borrowed in another.

use crate::decode::aside::Function;
use crate::decode::memory::NoBytes;
use crate::decode::roles::{is_acquire, member};
use crate::decode::value::Value;
use crate::decode::waits;
use crate::decode::walk::{Place, Walk};
use crate::model::{Resource, SetAside};
use crate::types::Member;

/// Maximum local variables of one task that are searched, and locks that are found in them.
const MAX_VALUES: usize = 256;
const MAX_FOUND: usize = 64;

impl Walk<'_> {
    /// Notes a local variable of a suspended function that owns futures and is not awaited.
    pub(super) fn set_aside(&mut self, member: &Member, at: u64, place: Place) {
        if self.aside.values.len() < MAX_VALUES {
            self.aside.values.push((member.type_id, at.wrapping_add(member.offset), place.depth));
        }
    }

    /// Searches them, after the walk through what is polled. What cannot be read here does not make the stack
    /// incomplete.
    pub(super) fn search_aside(&mut self) {
        let (nodes, cut, left_out) = (self.nodes, self.cut, self.left_out);
        self.aside.is_searched = true;
        let mut next = 0;
        // A future that is not polled has local variables, too.
        while let Some((id, avma, depth)) = self.aside.values.get(next).copied() {
            next += 1;
            let place = Place {
                depth: depth + 1,
                is_awaited: false,
                within: None,
                combines: None,
                has_branches: false,
            };
            self.aside.function = None;
            self.value(id, avma, place);
        }
        (self.nodes, self.cut, self.left_out) = (nodes, cut, left_out);
    }

    /// Keeps a lock that was found.
    pub(super) fn hold(&mut self, resource: Resource, is_given: bool) {
        if self.aside.is_searched
            && self.aside.found.len() < MAX_FOUND
            && let Some(Function { name, location }) = self.aside.function.clone()
        {
            let found = SetAside { resource: resource.clone(), future: name, location, is_given };
            self.aside.found.push(found);
        }
        // A guard that was moved is in two places of a function's memory.
        if self.holds.len() < MAX_FOUND && !self.holds.contains(&resource) {
            self.holds.push(resource);
        }
    }

    /// A place in the queue of a lock, in a future that is not polled: the lock may have been given to it.
    pub(super) fn acquire_set_aside(&mut self, value: Value<'_>, place: Place) {
        if !is_acquire(value.found) || !self.aside.visited.insert(value.avma) {
            return;
        }
        let given = self.is_given(value);
        if self.known(given) != Some(true) {
            return;
        }
        let resource = self.waits().of_leaf(value, place.within);
        if let Some(resource) = self.known(resource)
            && resource.avma != 0
            && waits::is_lock(resource.kind)
        {
            self.hold(resource, true);
        }
    }

    /// Whether a waiter has got all its permits (`tokio/src/sync/batch_semaphore.rs`): it was queued, and its state,
    /// the number of permits that it still needs, is 0.
    fn is_given(&mut self, value: Value<'_>) -> Result<bool, NoBytes> {
        let (Some(queued), Some(node)) = (member(value.found, "queued"), member(value.found, "node")) else {
            return Ok(false);
        };
        let Some(found) = self.content.get(self.source, node.type_id) else { return Ok(false) };
        let Some(state) = member(&found, "state") else { return Ok(false) };
        let state = value.avma.wrapping_add(node.offset).wrapping_add(state.offset);
        let queued = value.avma.wrapping_add(queued.offset);
        Ok(self.snapshot.number(queued, 1)? == 1 && self.snapshot.number(state, 8)? == 0)
    }
}
