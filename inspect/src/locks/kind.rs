//! The kind of lock that a thread waits for, by the functions between its leaf and the program's code.

use serde::Serialize;

use super::waiter::Waiter;
use crate::symbols::{Frame, Origin};

/// A lock, or what threads wait for in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LockKind {
    /// `std::sync::Mutex`.
    Mutex,
    /// `std::sync::RwLock`, to read.
    RwLockRead,
    /// `std::sync::RwLock`, to write.
    RwLockWrite,
    /// `parking_lot::Mutex`.
    ParkingLotMutex,
    /// `parking_lot::RwLock`.
    ParkingLotRwLock,
    /// `pthread_mutex_lock` and its like.
    Pthread,
    /// `Once`, `OnceLock`, `LazyLock`: another thread runs the initialisation.
    Once,
    /// `Condvar` of std or parking_lot.
    Condvar,
}

impl LockKind {
    /// As people call it.
    pub fn text(self) -> &'static str {
        match self {
            LockKind::Mutex => "Mutex",
            LockKind::RwLockRead => "RwLock to read",
            LockKind::RwLockWrite => "RwLock to write",
            LockKind::ParkingLotMutex => "parking_lot Mutex",
            LockKind::ParkingLotRwLock => "parking_lot RwLock",
            LockKind::Pthread => "pthread lock",
            LockKind::Once => "Once",
            LockKind::Condvar => "Condvar",
        }
    }

    /// The address of the lock of a waiter; `None` if that is not known.
    pub(super) fn address(self, waiter: &Waiter<'_>) -> Option<u64> {
        match self {
            // It waits at an address of the thread.
            _ if is_parked(waiter.frames) => waiter.parked_at,
            // std/src/sys/sync/rwlock/futex.rs: readers wait at `state`, writers at the word after it.
            LockKind::RwLockWrite => waiter.futex?.checked_sub(4),
            _ => waiter.futex,
        }
        .filter(|address| *address != 0)
    }

    /// What a thread with these frames waits for; `None` if it is not known to be a lock. The frame nearest to the
    /// leaf decides: a condition variable takes its mutex again when it is woken.
    pub(crate) fn of(frames: &[Frame]) -> Option<LockKind> {
        for frame in frames {
            let name = frame.function.as_deref().unwrap_or_default();
            let file = frame.file.as_deref().unwrap_or_default();
            match Origin::of(frame) {
                Origin::Native if is_pthread_lock(name) => return Some(LockKind::Pthread),
                Origin::Native => {}
                Origin::Std => {
                    if let Some(kind) = of_std(name, file) {
                        return Some(kind);
                    }
                }
                Origin::Dependency if name.contains("parking_lot") || file.contains("/parking_lot") => {
                    if let Some(kind) = of_parking_lot(name, file) {
                        return Some(kind);
                    }
                }
                _ => return None,
            }
        }
        None
    }
}

/// Whether a thread waits as a lock or a condition variable of parking_lot does.
pub(super) fn is_parked(frames: &[Frame]) -> bool {
    let machinery = frames.iter().take_while(|frame| is_machinery(frame));
    machinery.into_iter().any(is_of_parking_lot)
}

/// Whether a frame belongs to a lock, and not to the program that uses it.
pub(super) fn is_machinery(frame: &Frame) -> bool {
    !Origin::of(frame).is_of_program() || is_of_parking_lot(frame)
}

/// Whether a frame is of parking_lot or of what it is made of.
fn is_of_parking_lot(frame: &Frame) -> bool {
    ["parking_lot", "parking_lot_core", "lock_api"].iter().any(|name| frame.is_of(name))
}

fn is_pthread_lock(name: &str) -> bool {
    ["pthread_mutex_lock", "pthread_rwlock_rdlock", "pthread_rwlock_wrlock", "__lll_lock_wait"]
        .iter()
        .any(|lock| name.trim_start_matches('_').starts_with(lock.trim_start_matches('_')))
}

fn of_std(name: &str, file: &str) -> Option<LockKind> {
    let method = method(name);
    if !["lock", "read", "write", "wait", "call"].iter().any(|verb| method.starts_with(verb)) {
        return None;
    }
    let has = |part: &str| name.contains(part) || file.contains(&part.replace("::", "/"));
    // Before Rust 1.80 the modules were `locks::futex_mutex`, `once_futex`.
    if (has("sync::mutex") || has("futex_mutex")) && method.starts_with("lock") {
        Some(LockKind::Mutex)
    } else if (has("sync::rwlock") || has("futex_rwlock")) && method.starts_with("read") {
        Some(LockKind::RwLockRead)
    } else if (has("sync::rwlock") || has("futex_rwlock")) && method.starts_with("write") {
        Some(LockKind::RwLockWrite)
    } else if (has("sync::condvar") || has("futex_condvar")) && method.starts_with("wait") {
        Some(LockKind::Condvar)
    } else if (has("sync::once") || has("once_futex")) && (method == "call" || method == "wait") {
        Some(LockKind::Once)
    } else {
        None
    }
}

fn of_parking_lot(name: &str, file: &str) -> Option<LockKind> {
    let has = |part: &str| name.contains(part) || file.contains(part);
    if has("raw_mutex") {
        Some(LockKind::ParkingLotMutex)
    } else if has("raw_rwlock") {
        Some(LockKind::ParkingLotRwLock)
    } else if has("condvar") {
        Some(LockKind::Condvar)
    } else {
        None
    }
}

/// The function's own name.
fn method(name: &str) -> &str {
    let name = name.split("::{").next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(functions: &[&str]) -> Option<LockKind> {
        LockKind::of(&functions.iter().map(|name| Frame::named(name)).collect::<Vec<_>>())
    }

    #[test]
    fn the_function_that_waits_says_the_kind() {
        for (function, expected) in [
            ("std::sys::sync::mutex::futex::Mutex::lock_contended", LockKind::Mutex),
            ("<std::sys::sync::mutex::futex::Mutex>::lock_contended", LockKind::Mutex),
            ("std::sys::sync::rwlock::futex::RwLock::read_contended", LockKind::RwLockRead),
            ("std::sys::sync::rwlock::futex::RwLock::write_contended", LockKind::RwLockWrite),
            ("std::sys::sync::condvar::futex::Condvar::wait", LockKind::Condvar),
            ("std::sys::sync::once::futex::Once::call", LockKind::Once),
            ("parking_lot::raw_mutex::RawMutex::lock_slow", LockKind::ParkingLotMutex),
            ("parking_lot::raw_rwlock::RawRwLock::lock_shared_slow", LockKind::ParkingLotRwLock),
            ("pthread_mutex_lock", LockKind::Pthread),
        ] {
            assert_eq!(kind(&["syscall", function, "shop::reserve"]), Some(expected), "{function}");
        }
    }

    #[test]
    fn what_the_program_does_is_no_lock() {
        assert_eq!(
            kind(&["syscall", "shop::spin", "std::sys::sync::mutex::futex::Mutex::lock_contended"]),
            None
        );
        assert_eq!(kind(&["syscall", "std::thread::park", "shop::x"]), None);
        assert_eq!(kind(&["epoll_wait", "tokio::runtime::park::Inner::park"]), None);
        assert_eq!(kind(&[]), None);
    }
}
