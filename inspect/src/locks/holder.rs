//! Who holds a lock, and how surely that is known.

use std::collections::HashMap;

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Holder {
    /// The lock itself says so: a mutex of the C library stores its owner.
    Owner(u32),
    /// The only thread that refers to the lock and does not wait for it. It may have no more than a reference.
    Likely(u32),
    /// Several threads refer to the lock.
    OneOf(Vec<u32>),
    /// Not known, and why.
    Unknown(String),
}

impl Holder {
    /// The thread, if there is only one.
    pub fn thread(&self) -> Option<u32> {
        match self {
            Holder::Owner(tid) | Holder::Likely(tid) => Some(*tid),
            Holder::OneOf(_) | Holder::Unknown(_) => None,
        }
    }

    /// All threads that may hold it.
    pub fn threads(&self) -> Vec<u32> {
        match self {
            Holder::OneOf(tids) => tids.clone(),
            Holder::Unknown(_) => Vec::new(),
            one => one.thread().into_iter().collect(),
        }
    }
}

/// The holders of locks, by the address of the lock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holders {
    /// Those that were looked for.
    pub of: HashMap<u64, Holder>,
    /// Why none could be looked for; empty otherwise.
    pub missing: String,
    /// Threads that were not searched because there are too many.
    pub threads_left_out: usize,
    /// Locks that were not looked at because there are too many.
    pub locks_left_out: usize,
}

impl Holders {
    /// No holder is known, for one reason.
    pub(crate) fn none(missing: String) -> Holders {
        Holders { missing, ..Holders::default() }
    }
}
