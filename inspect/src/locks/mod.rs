//! Locks of threads: which threads wait for which lock of std, parking_lot or the C library, where in the program, who
//! holds it, and rings of threads that wait for each other.

mod code;
mod evidence;
mod holder;
mod kind;
mod parked;
mod parties;
mod rings;
mod search;
mod waiter;
mod waits;

pub use holder::{Holder, Holders, NotSearched};
pub use kind::LockKind;
pub(crate) use parked::ParkedSearch;
pub(crate) use parties::LockThread;
pub use rings::{ThreadRing, possible_rings, rings};
pub(crate) use search::Search;
pub use waiter::Waiter;
pub use waits::{LockPlace, LockWait, lock_waits};
