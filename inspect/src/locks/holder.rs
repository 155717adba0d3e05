//! Who holds a lock, and how surely that is known.

use std::collections::HashMap;

use serde::Serialize;

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

    /// What is still true if threads were not searched: one of them may refer to the lock, too.
    pub(super) fn with_not_searched(self, left: Option<NotSearched>) -> Holder {
        match self {
            Holder::Likely(tid) if left.is_some_and(|left| left.threads > 0) => Holder::OneOf(vec![tid]),
            known => known,
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
    /// What was not searched because there is too much; `None` if all was.
    pub not_searched: Option<NotSearched>,
}

/// Too many threads or locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NotSearched {
    /// Threads, of which each may hold any of the locks.
    pub threads: usize,
    /// Locks.
    pub locks: usize,
}

impl NotSearched {
    pub(super) fn new(threads: usize, locks: usize) -> Option<NotSearched> {
        (threads > 0 || locks > 0).then_some(NotSearched { threads, locks })
    }
}

impl Holders {
    /// No holder is known, for one reason.
    pub(crate) fn none(missing: String) -> Holders {
        Holders { missing, ..Holders::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_less_sure_if_threads_were_not_searched() {
        assert_eq!(NotSearched::new(0, 0), None);
        let (threads, locks) = (NotSearched::new(3, 0), NotSearched::new(0, 2));
        assert_eq!(Holder::Likely(7).with_not_searched(threads), Holder::OneOf(vec![7]));
        assert_eq!(Holder::Likely(7).with_not_searched(locks), Holder::Likely(7));
        assert_eq!(Holder::Likely(7).with_not_searched(None), Holder::Likely(7));
        // The lock itself says so.
        assert_eq!(Holder::Owner(7).with_not_searched(threads), Holder::Owner(7));
    }
}
