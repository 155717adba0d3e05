//! Tests that must not run at the same time. A test program runs as many tests at once as there are CPUs.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by tests that use all CPUs, or measure what others would disturb. It keeps out those that hold it too, so
/// at most one test that does not runs beside.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
