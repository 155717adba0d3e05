//! Locking without waiting, for locks that only the agent's thread takes. A fork child may inherit a lock that a
//! thread of the parent held; it is never released there, so the caller does without what it protects.

use std::sync::{Mutex, MutexGuard, TryLockError};

/// The guard, unless the lock is held.
pub fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
