//! What tasks wait on and hold: Tokio's leaf futures and the guards of its locks. Their addresses show
//! whether two tasks mean the same resource.
//!
//! A lock of Tokio contains a semaphore (`tokio/src/sync/{mutex,rwlock}.rs`). A waiter has the address of the
//! semaphore (`batch_semaphore::Acquire`), a holder that of the lock. Both are reported by the address of the
//! semaphore.

use crate::decode::content::Content;
use crate::decode::memory::{NoBytes, Snapshot};
use crate::decode::roles::{Role, base, guard_kind, leaf_kind, member, role};
use crate::decode::value::{Value, active};
use crate::model::{Resource, ResourceKind};
use crate::types::{Member, Shape, Type, TypeId, TypeSource};

/// Maximum depth of the search for a pointer in a value.
const DEEPEST: usize = 10;

/// Maximum depth of the search for a channel or descriptor: the socket of an axum connection is inside 26
/// nested types.
pub(super) const DEEPEST_OTHER: usize = 40;

/// The kind of resource that a wait inside one of Tokio's own functions is for.
pub(super) fn kind_of_function(short_name: &str) -> Option<ResourceKind> {
    let rest = short_name.strip_prefix("tokio::")?;
    if ["net::", "io::", "process::", "signal::"].iter().any(|module| rest.starts_with(module)) {
        return Some(ResourceKind::Io);
    }
    let rest = rest.strip_prefix("sync::")?;
    // Without the types of methods: `mutex::Mutex::lock`.
    let is_type = |part: &&str| part.starts_with(|first: char| first.is_uppercase() || first == '<');
    Some(match rest.split("::").filter(|part| !is_type(part)).collect::<Vec<_>>()[..] {
        ["mutex", ..] => ResourceKind::Mutex,
        ["rwlock", "write" | "write_owned", ..] => ResourceKind::RwLockWrite,
        ["rwlock", ..] => ResourceKind::RwLockRead,
        ["semaphore", ..] => ResourceKind::Semaphore,
        ["mpsc" | "watch" | "broadcast" | "oneshot", ..] => ResourceKind::Channel,
        ["barrier", ..] => ResourceKind::Barrier,
        ["once_cell", ..] => ResourceKind::OnceCell,
        ["notify", ..] => ResourceKind::Notify,
        _ => return None,
    })
}

/// Whether the resource must be read from the `self` of the function: the leaf has only a part of it.
pub(super) fn is_identified_by_self(kind: ResourceKind) -> bool {
    matches!(kind, ResourceKind::Channel | ResourceKind::Barrier | ResourceKind::Io)
}

/// Whether the resource is a lock, or a permit of a semaphore.
pub(super) fn is_lock(kind: ResourceKind) -> bool {
    use ResourceKind as Kind;
    matches!(kind, Kind::Mutex | Kind::RwLockRead | Kind::RwLockWrite | Kind::Semaphore | Kind::OnceCell)
}

/// One of Tokio's functions that is waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within {
    /// The kind of resource it waits on.
    pub(super) kind: ResourceKind,
    /// The address of the resource; 0 if its `self` does not identify it.
    pub(super) avma: u64,
    /// The file descriptor of the resource.
    pub(super) descriptor: Option<u32>,
}

impl Within {
    /// The resource it waits on, as far as its `self` identifies it.
    pub(super) fn resource(&self) -> Option<Resource> {
        let is_known = self.avma != 0 || self.descriptor.is_some();
        let detail = self.descriptor.map(|descriptor| format!("fd {descriptor}").into());
        is_known.then_some(Resource { kind: self.kind, avma: self.avma, detail })
    }
}

/// The number in `fd 7`.
pub(super) fn descriptor(detail: &str) -> Option<u32> {
    detail.strip_prefix("fd ")?.parse().ok()
}

/// Reads the resources of one task.
pub(super) struct Waits<'w> {
    pub(super) source: &'w dyn TypeSource,
    pub(super) content: &'w mut Content,
    pub(super) snapshot: &'w Snapshot,
}

impl Waits<'_> {
    /// The resource that a leaf waits on.
    pub(super) fn of_leaf(&mut self, leaf: Value<'_>, within: Option<Within>) -> Result<Resource, NoBytes> {
        let own = leaf_kind(leaf.found).unwrap_or(ResourceKind::Other);
        let refined = matches!(
            own,
            ResourceKind::Semaphore | ResourceKind::Notify | ResourceKind::Channel | ResourceKind::Io
        );
        let within = within.filter(|_| refined);
        if let Some(resource) = within.and_then(|within| within.resource()) {
            return Ok(resource);
        }
        let kind = within.map_or(own, |within| within.kind);
        let avma = match own {
            // Every sleep is a separate resource.
            ResourceKind::Timer => 0,
            _ => self.first_pointer(leaf.found, leaf.avma, DEEPEST)?.map_or(0, |(avma, _)| avma),
        };
        Ok(Resource { kind, avma, detail: None })
    }

    /// A channel or descriptor that a future without a leaf refers to.
    pub(super) fn of_other(&mut self, value: Value<'_>, depth: usize) -> Result<Option<Resource>, NoBytes> {
        if depth == 0 {
            return Ok(None);
        }
        let of = |kind, avma, detail: Option<String>| {
            Ok(Some(Resource { kind, avma, detail: detail.map(Into::into) }))
        };
        let base = base(&value.found.name);
        match (&*value.found.namespace, base) {
            ("tokio::sync::mpsc::chan", "Rx" | "Tx")
            | (
                "tokio::sync::watch" | "tokio::sync::broadcast" | "tokio::sync::oneshot",
                "Receiver" | "Sender",
            ) => {
                let pointer = self.first_pointer(value.found, value.avma, DEEPEST)?;
                return of(ResourceKind::Channel, pointer.map_or(0, |(avma, _)| avma), None);
            }
            // The two halves of a connection share it.
            ("alloc::sync", "Arc") if value.found.name.starts_with("Arc<tokio::net::") => {
                let pointer = self.first_pointer(value.found, value.avma, DEEPEST)?;
                let Some((avma, Some(target))) = pointer else { return Ok(None) };
                let Some(found) = self.content.get(self.source, target) else { return Ok(None) };
                return self.of_other(Value { found: &found, avma }, depth - 1);
            }
            ("tokio::sync::barrier", "Barrier") => return of(ResourceKind::Barrier, value.avma, None),
            (_, "OwnedFd" | "FileDesc") if value.found.size == 4 => {
                let descriptor = self.snapshot.number(value.avma, 4)? as u32 as i32;
                return of(ResourceKind::Io, 0, Some(format!("fd {descriptor}")));
            }
            _ => {}
        }
        match &value.found.shape {
            Shape::Struct { members, is_union: false } if role(value.found) != Role::Opaque => {
                for member in members {
                    let Some(found) = self.content.get(self.source, member.type_id) else {
                        if self.content.is_exhausted() {
                            break;
                        }
                        continue;
                    };
                    let inner = Value { found: &found, avma: value.avma.wrapping_add(member.offset) };
                    if let Some(resource) = self.of_other(inner, depth - 1)? {
                        return Ok(Some(resource));
                    }
                }
                Ok(None)
            }
            Shape::Pointer { target: Some(target) } if value.found.name.starts_with('&') => {
                let Some(found) = self.content.get(self.source, *target) else { return Ok(None) };
                if found.size == 0 || found.size > 4096 {
                    return Ok(None);
                }
                let avma = self.snapshot.number(value.avma, 8)?;
                self.of_other(Value { found: &found, avma }, depth - 1)
            }
            Shape::Enum { .. } => match active(self.snapshot, value)? {
                Some(content) => {
                    let Some(found) = self.content.get(self.source, content.type_id) else { return Ok(None) };
                    let avma = value.avma.wrapping_add(content.offset);
                    self.of_other(Value { found: &found, avma }, depth - 1)
                }
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// The guards in a value, by the locks they hold.
    pub(super) fn guards(
        &mut self,
        value: Value<'_>,
        depth: usize,
        held: &mut Vec<Resource>,
    ) -> Result<(), NoBytes> {
        if depth == 0 || held.len() >= 64 {
            return Ok(());
        }
        if let Some(kind) = guard_kind(value.found) {
            if let Some((avma, semaphore)) = self.semaphore_of(value)?
                && !self.is_free(kind, avma, semaphore)?
            {
                let resource = Resource { kind, avma, detail: None };
                // A guard that was moved is in two places of a function's memory.
                if !held.contains(&resource) {
                    held.push(resource);
                }
            }
            return Ok(());
        }
        match &value.found.shape {
            Shape::Struct { members, is_union: false } => {
                for member in members {
                    self.guards_of_member(value, member, depth, held)?;
                }
            }
            Shape::Enum { .. } => {
                if let Some(content) = active(self.snapshot, value)? {
                    self.guards_of_member(value, content, depth, held)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn guards_of_member(
        &mut self,
        value: Value<'_>,
        member: &Member,
        depth: usize,
        held: &mut Vec<Resource>,
    ) -> Result<(), NoBytes> {
        if !self.content.leads_to_guard(self.source, member.type_id) {
            return Ok(());
        }
        let Some(found) = self.content.get(self.source, member.type_id) else { return Ok(()) };
        let inner = Value { found: &found, avma: value.avma.wrapping_add(member.offset) };
        self.guards(inner, depth - 1, held)
    }

    /// Whether nobody has the lock now: what looks like its guard was dropped, and its bytes are still there
    /// (`tokio/src/sync/batch_semaphore.rs`: the lowest bit of `permits` says that it is closed).
    fn is_free(&mut self, kind: ResourceKind, avma: u64, semaphore: Option<TypeId>) -> Result<bool, NoBytes> {
        let (ResourceKind::Mutex | ResourceKind::RwLockWrite, Some(semaphore)) = (kind, semaphore) else {
            return Ok(false);
        };
        let found = self.content.get(self.source, semaphore);
        let Some(permits) = found.as_ref().and_then(|found| member(found, "permits")) else {
            return Ok(false);
        };
        match self.snapshot.number(avma.wrapping_add(permits.offset), 8) {
            Err(NoBytes::Never) => Ok(false),
            permits => Ok(permits? >> 1 != 0),
        }
    }

    /// The semaphore of a guard and its type: at the target of its pointer, or inside it.
    fn semaphore_of(&mut self, guard: Value<'_>) -> Result<Option<(u64, Option<TypeId>)>, NoBytes> {
        let Shape::Struct { members, .. } = &guard.found.shape else { return Ok(None) };
        for name in ["lock", "s", "sem"] {
            let Some(member) = members.iter().find(|member| &*member.name == name) else { continue };
            let Some(found) = self.content.get(self.source, member.type_id) else { continue };
            let at = guard.avma.wrapping_add(member.offset);
            let Some((avma, target)) = self.first_pointer(&found, at, DEEPEST)? else { continue };
            return Ok(Some(match target.and_then(|target| self.semaphore_in(target, DEEPEST)) {
                Some((offset, semaphore)) => (avma.wrapping_add(offset), Some(semaphore)),
                None => (avma, None),
            }));
        }
        Ok(None)
    }

    /// The offset of the batch semaphore in a type, and its own type.
    fn semaphore_in(&mut self, id: TypeId, depth: usize) -> Option<(u64, TypeId)> {
        let found = self.content.get(self.source, id)?;
        if &*found.namespace == "tokio::sync::batch_semaphore" && base(&found.name) == "Semaphore" {
            return Some((0, id));
        }
        let Shape::Struct { members, is_union: false } = &found.shape else { return None };
        if depth == 0 {
            return None;
        }
        // The lock's own semaphore is found by name: the protected value may contain another one.
        let wanted = ["s", "ll_sem", "data"];
        let inner = members.iter().filter(|member| wanted.contains(&&*member.name));
        inner.into_iter().find_map(|member| {
            let (offset, semaphore) = self.semaphore_in(member.type_id, depth - 1)?;
            Some((member.offset.wrapping_add(offset), semaphore))
        })
    }

    /// The first pointer in a value, and its target type.
    pub(super) fn first_pointer(
        &mut self,
        found: &Type,
        avma: u64,
        depth: usize,
    ) -> Result<Option<(u64, Option<TypeId>)>, NoBytes> {
        match &found.shape {
            Shape::Pointer { target } => {
                let pointer = self.snapshot.number(avma, 8)?;
                Ok((pointer != 0).then_some((pointer, *target)))
            }
            Shape::Struct { members, is_union: false } if depth > 0 => {
                // Members with a known name for the resource first; otherwise in the order of memory.
                let named =
                    ["semaphore", "notify", "raw", "inner", "chan", "receiver", "scheduled_io", "shared"];
                let first = named.iter().find_map(|name| member(found, name));
                // Sorting is repeated for each value.
                if !self.content.spend(members.len()) {
                    return Ok(None);
                }
                let mut members: Vec<&Member> = members.iter().collect();
                members.sort_by_key(|member| member.offset);
                for member in first.into_iter().chain(members) {
                    let Some(inner) = self.content.get(self.source, member.type_id) else { continue };
                    let at = avma.wrapping_add(member.offset);
                    if let Some(pointer) = self.first_pointer(&inner, at, depth - 1)? {
                        return Ok(Some(pointer));
                    }
                }
                Ok(None)
            }
            Shape::Enum { .. } if depth > 0 => match active(self.snapshot, Value { found, avma })? {
                Some(content) => {
                    let Some(inner) = self.content.get(self.source, content.type_id) else { return Ok(None) };
                    self.first_pointer(&inner, avma.wrapping_add(content.offset), depth - 1)
                }
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }
}
