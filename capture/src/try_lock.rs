//! Locks that only the agent's thread takes: to try is enough. A fork child may find one held for ever, by a thread that
//! it does not have, and does without what is behind it.

use std::sync::{Mutex, MutexGuard, TryLockError};

/// The lock, if nobody has it.
pub fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
