//! Coroutines: async functions, blocks and closures. The state shows the `await`, the awaited future and the locks
//! that are held across it.

use std::collections::HashSet;
use std::sync::Arc;

use crate::decode::aside::Function;
use crate::decode::goal::Goal;
use crate::decode::macros;
use crate::decode::value::{Value, active};
use crate::decode::waits::{self, Within};
use crate::decode::walk::{Place, Walk};
use crate::model::{Location, Node, NodeKind, TypeName};
use crate::types::{Declared, Member, Shape, Type, TypeId};

impl Walk<'_> {
    /// The node of a coroutine, with the future that it awaits; `None` if its state is unknown.
    pub(super) fn coroutine(&mut self, id: TypeId, value: Value<'_>, place: Place) -> Option<Arc<Node>> {
        if !self.aside.enters(value.avma) {
            return None;
        }
        self.nodes += 1;
        let name = self.name(id, value.found);
        let state = active(self.snapshot, value);
        let state = self.known(state)?;
        let Some(state) = state else {
            self.cut("a state is unknown to the debug information");
            return None;
        };
        let content = self.content.get(self.source, state.type_id);
        let state_name = content.as_ref().map_or(&*state.name, |content| &*content.name).to_owned();
        let kind =
            if value.found.name.starts_with("{async_fn") { NodeKind::AsyncFn } else { NodeKind::AsyncBlock };
        let (mut children, mut location) = (Vec::new(), state_without_await(&state_name));
        let members = match content.as_ref().map(|content| &content.shape) {
            Some(Shape::Struct { members, .. }) => &members[..],
            _ => &[],
        };
        let at = value.avma.wrapping_add(state.offset);
        if location == Some(Location::Unresumed) {
            // Its arguments.
            let begun = self.begin_function(&name, &location);
            self.own(value.found, kind, state, members, at, place);
            self.aside.function = begun;
        }
        if location.is_none() {
            let awaitee = members.iter().find(|member| &*member.name == "__awaitee");
            location = self.await_of(id, value.found, state, awaitee);
            let within = self.within(&name, members, at, place.within);
            let begun = self.begin_function(&name, &location);
            self.own(value.found, kind, state, members, at, place);
            if let Some(awaitee) = awaitee {
                let combines = state.declared.as_ref().and_then(|declared| macros::of_file(&declared.file));
                let inner = Place { is_awaited: true, within, combines, ..place.inner() };
                children = self.value(awaitee.type_id, at.wrapping_add(awaitee.offset), inner);
            }
            self.aside.function = begun;
        }
        Some(Arc::new(Node { name, kind, location, waits_on: None, children, children_left_out: 0 }))
    }

    /// The wait that an awaited future in a function belongs to: that of the outermost Tokio function,
    /// because the author called that one.
    fn within(
        &mut self,
        name: &TypeName,
        members: &[Member],
        at: u64,
        around: Option<Within>,
    ) -> Option<Within> {
        if !name.short.starts_with("tokio::") {
            return None;
        }
        if around.is_some() {
            return around;
        }
        let kind = waits::kind_of_function(&name.short)?;
        let mut within = Within { kind, avma: 0, descriptor: None };
        if waits::is_identified_by_self(kind) {
            for member in members.iter().filter(|member| is_self(&member.name)) {
                let Some(found) = self.content.get(self.source, member.type_id) else { continue };
                let value = Value { found: &found, avma: at.wrapping_add(member.offset) };
                let read = self.waits().of_other(value, waits::DEEPEST_OTHER);
                if let Some(Some(resource)) = self.known(read) {
                    within.avma = resource.avma;
                    within.descriptor = resource.detail.as_deref().and_then(waits::descriptor);
                    break;
                }
            }
        }
        Some(within)
    }

    /// The function around what is visited next; returns the one before.
    fn begin_function(&mut self, name: &TypeName, location: &Option<Location>) -> Option<Function> {
        if name.short.starts_with("tokio::") && self.aside.function.is_some() {
            return self.aside.function.clone();
        }
        self.aside.function.replace(Function { name: name.clone(), location: location.clone() })
    }

    /// What the local variables of a function keep: guards, and futures that it does not await.
    fn own(
        &mut self,
        coroutine: &Type,
        kind: NodeKind,
        state: &Member,
        members: &[Member],
        at: u64,
        place: Place,
    ) {
        let arguments = match kind {
            NodeKind::AsyncFn => self.arguments(coroutine, state),
            _ => HashSet::new(),
        };
        let guards = self.content.members_with(self.source, state.type_id, Goal::Guard);
        for member in guards.iter().filter_map(|number| members.get(*number as usize)) {
            if self.content.is_exhausted() {
                break;
            }
            if &*member.name != "__awaitee" && !arguments.contains(&(member.type_id, member.offset)) {
                self.guards(member, at.wrapping_add(member.offset));
            }
        }
        let locals = self.content.members_with(self.source, state.type_id, Goal::Lock);
        for member in locals.iter().filter_map(|number| members.get(*number as usize)) {
            if &*member.name != "__awaitee" && !arguments.contains(&(member.type_id, member.offset)) {
                self.set_aside(member, at, place);
            }
        }
    }

    /// The arguments of an `async fn` that was polled, by type and place: they were moved into its local variables
    /// then, and what is left in their place is not its own.
    fn arguments(&mut self, coroutine: &Type, state: &Member) -> HashSet<(TypeId, u64)> {
        let Shape::Enum { variants, .. } = &coroutine.shape else { return HashSet::new() };
        let Some(first) = variants.first().map(|first| &first.content) else { return HashSet::new() };
        let found = self.content.get(self.source, first.type_id);
        match found.as_ref().filter(|_| first.type_id != state.type_id).map(|found| &found.shape) {
            Some(Shape::Struct { members, .. }) => {
                members.iter().map(|member| (member.type_id, member.offset)).collect()
            }
            _ => HashSet::new(),
        }
    }

    /// Locks held by a local variable that lives across the await.
    fn guards(&mut self, member: &Member, avma: u64) {
        if !self.content.leads_to_guard(self.source, member.type_id) {
            return;
        }
        let Some(found) = self.content.get(self.source, member.type_id) else { return };
        let mut held = Vec::new();
        let read = self.waits().guards(Value { found: &found, avma }, 8, &mut held);
        self.known(read);
        for resource in held {
            self.hold(resource, false);
        }
    }

    /// The position in the author's code where a coroutine is suspended. If its `await` is in a macro that is
    /// declared elsewhere, the position where the macro is used; if that is unknown, the function.
    fn await_of(
        &self,
        id: TypeId,
        coroutine: &Type,
        state: &Member,
        awaitee: Option<&Member>,
    ) -> Option<Location> {
        let at = |declared: &Declared| Location::Await { file: declared.file.clone(), line: declared.line };
        let declared = state.declared.as_ref()?;
        let first = match &coroutine.shape {
            Shape::Enum { variants, .. } => variants.first()?.content.declared.as_ref(),
            _ => None,
        };
        let Some(own) = first.filter(|own| own.file != declared.file) else { return Some(at(declared)) };
        let used = awaitee.and_then(|awaitee| self.source.awaited_at(id, awaitee.type_id));
        match used.as_ref().filter(|used| used.file == own.file) {
            Some(used) => Some(at(used)),
            // The body of a closure may consist of a macro only: then a position outside of macros is the
            // author's.
            None if macros::of_file(&declared.file).is_none() && is_of_std(&own.file) => Some(at(declared)),
            None => Some(at(own)),
        }
    }
}

/// A state without an await.
pub(super) fn state_without_await(name: &str) -> Option<Location> {
    match name {
        "Unresumed" => Some(Location::Unresumed),
        "Returned" => Some(Location::Returned),
        "Panicked" => Some(Location::Panicked),
        _ => None,
    }
}

/// Whether a source file belongs to the standard library, by the paths it is built with.
fn is_of_std(file: &str) -> bool {
    file.starts_with("/rustc/") || file.starts_with("library/") || file.contains("/lib/rustlib/src/")
}

/// Whether a member of a coroutine is the `self` of its function.
fn is_self(name: &str) -> bool {
    matches!(name, "self" | "__self" | "me")
}
