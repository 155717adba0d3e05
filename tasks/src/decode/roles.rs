//! The role of a type in decoding, by its name and shape: future or leaf future, guard of a lock, list,
//! owner.

use crate::model::ResourceKind;
use crate::types::{Member, Shape, Type, TypeId};

/// Traits, as written in the names of `dyn` types, whose values are polled.
const POLLED: [&str; 6] = ["Future", "Stream", "::Body<", "AsyncRead", "AsyncBufRead", "AsyncWrite"];

/// The role of a type in decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// An async function, block or closure.
    Coroutine,
    /// A future whose wait can be named, see [`leaf_kind`].
    Leaf,
    /// A fat pointer to `dyn Future`.
    DynFuture,
    /// `FuturesUnordered`.
    FuturesUnordered,
    /// Tokio's list of the tasks of a `JoinSet`.
    JoinSet,
    /// A future shared by several owners.
    Shared,
    /// A future or its output.
    MaybeDone,
    /// A fat pointer to a slice.
    Slice,
    /// `Vec`.
    Vector,
    /// A thin pointer that owns or mutably borrows its target.
    Owner,
    /// Shared ownership and raw pointers, which are never followed.
    Opaque,
    /// A struct or enum of other values.
    Plain,
}

pub(super) fn is_pin(found: &Type) -> bool {
    &*found.namespace == "core::pin" && base(&found.name) == "Pin"
}

/// `T` of `Vec<T>`.
pub(super) fn element(found: &Type) -> Option<TypeId> {
    found.parameters.iter().find(|(name, _)| &**name == "T").map(|(_, id)| *id)
}

/// A member by name.
pub(super) fn member<'t>(found: &'t Type, name: &str) -> Option<&'t Member> {
    match &found.shape {
        Shape::Struct { members, .. } => members.iter().find(|member| &*member.name == name),
        _ => None,
    }
}

/// The role of a type, by its name and shape.
pub(super) fn role(found: &Type) -> Role {
    let name = &*found.name;
    if found.is_coroutine() {
        return Role::Coroutine;
    }
    if let Shape::Struct { .. } = found.shape
        && member(found, "vtable").is_some()
        && (member(found, "pointer").is_some() || member(found, "data_ptr").is_some())
    {
        return if is_polled(name) && !name.starts_with('&') { Role::DynFuture } else { Role::Opaque };
    }
    if let Shape::Pointer { .. } = found.shape {
        let owns = name.contains("Box<") || name.starts_with("&mut ");
        return if owns { Role::Owner } else { Role::Opaque };
    }
    if member(found, "data_ptr").is_some() && member(found, "length").is_some() {
        return if name.contains("Box<[") || name.starts_with("&mut [") { Role::Slice } else { Role::Opaque };
    }
    if is_leaf(found) {
        return Role::Leaf;
    }
    if name.starts_with("FuturesUnordered<") {
        return Role::FuturesUnordered;
    }
    match (&*found.namespace, base(name)) {
        ("tokio::util::idle_notified_set", "IdleNotifiedSet") => return Role::JoinSet,
        ("futures_util::future::future::shared", "Shared") => return Role::Shared,
        (
            "tokio::future::maybe_done"
            | "futures_util::future::maybe_done"
            | "futures_util::future::try_maybe_done",
            "MaybeDone" | "TryMaybeDone",
        ) => return Role::MaybeDone,
        _ => {}
    }
    if name.starts_with("Vec<") && &*found.namespace == "alloc::vec" {
        return Role::Vector;
    }
    if ["Arc<", "Rc<", "Weak<", "NonNull<", "PhantomData<"].iter().any(|begin| name.starts_with(begin)) {
        return Role::Opaque;
    }
    Role::Plain
}

/// Tokio's leaf futures.
pub(super) fn is_leaf(found: &Type) -> bool {
    leaf_kind(found).is_some()
}

/// What a leaf waits on, as far as its type shows.
pub(super) fn leaf_kind(found: &Type) -> Option<ResourceKind> {
    let base = base(&found.name);
    Some(match (&*found.namespace, base) {
        ("tokio::time::sleep", "Sleep") => ResourceKind::Timer,
        ("tokio::sync::batch_semaphore", "Acquire") => ResourceKind::Semaphore,
        ("tokio::sync::notify", "Notified" | "OwnedNotified") => ResourceKind::Notify,
        ("tokio::runtime::task::join", "JoinHandle") => ResourceKind::Task,
        ("tokio::runtime::io::scheduled_io", "Readiness") => ResourceKind::Io,
        ("tokio::sync::oneshot", "Receiver") => ResourceKind::Channel,
        ("tokio::sync::broadcast", "Recv") => ResourceKind::Channel,
        _ => return None,
    })
}

/// Whether it is a place in the queue of a semaphore, and so of a lock.
pub(super) fn is_acquire(found: &Type) -> bool {
    &*found.namespace == "tokio::sync::batch_semaphore" && base(&found.name) == "Acquire"
}

/// Whether several owners of a shared reference may change its content: a future in it can be polled through such a
/// reference, which is not followed.
pub(super) fn is_shared_cell(found: &Type) -> bool {
    matches!(base(&found.name), "RefCell" | "Mutex" | "RwLock" | "ReentrantMutex" | "OnceCell" | "Cell")
}

/// The lock kind of a guard of Tokio's locks.
pub(super) fn is_guard(found: &Type) -> bool {
    guard_kind(found).is_some()
}

pub(super) fn guard_kind(found: &Type) -> Option<ResourceKind> {
    if !found.namespace.starts_with("tokio::sync::") {
        return None;
    }
    Some(match base(&found.name) {
        "MutexGuard" | "OwnedMutexGuard" | "MappedMutexGuard" | "OwnedMappedMutexGuard" => {
            ResourceKind::Mutex
        }
        "RwLockReadGuard" | "OwnedRwLockReadGuard" => ResourceKind::RwLockRead,
        "RwLockWriteGuard"
        | "RwLockMappedWriteGuard"
        | "OwnedRwLockWriteGuard"
        | "OwnedRwLockMappedWriteGuard" => ResourceKind::RwLockWrite,
        "SemaphorePermit" | "OwnedSemaphorePermit" => ResourceKind::Semaphore,
        _ => return None,
    })
}

/// The name of a type without its parameters.
pub(super) fn base(name: &str) -> &str {
    name.split('<').next().unwrap_or(name)
}

/// Whether values behind a `dyn` of this name are polled.
pub(super) fn is_polled(name: &str) -> bool {
    name.contains("dyn ") && POLLED.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traits_of_values_that_are_polled() {
        let body =
            "alloc::boxed::Box<(dyn http_body::Body<Data=bytes::Bytes, Error=E> + core::marker::Send)>";
        assert!(is_polled(body) && is_polled("Box<dyn core::future::future::Future<Output=()>>"));
        assert!(is_polled("&mut dyn tokio::io::async_read::AsyncRead"));
        assert!(!is_polled("Box<dyn core::error::Error>") && !is_polled("shop::Body<u8>"));
    }
}
