//! Locks of threads: which threads wait for which lock of std, parking_lot or the C library, and where in the program.

mod kind;
mod waits;

pub use kind::LockKind;
pub use waits::{LockPlace, LockWait, Waiter, lock_waits};
