//! Tests that must not run at the same time. A test program runs as many tests at once as there are CPUs.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by tests that use all CPUs, or that measure what others would disturb. It excludes other tests that hold it.
/// Tests that do not hold it still run meanwhile: with two CPUs, at most one.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
