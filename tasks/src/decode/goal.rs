//! The goals of a search through types, and its results.

use std::sync::Arc;

use crate::decode::roles::{Role, is_acquire, is_guard, role};
use crate::types::Type;

/// What a search in types is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Goal {
    /// A suspended future.
    Future,
    /// A guard of a lock.
    Guard,
    /// A guard or a place in a lock's queue, in futures that the value owns.
    Lock,
}

/// Whether a type leads to a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leads {
    Yes,
    No,
    /// The type contains more than the search limit.
    Unknown,
}

/// Members of a struct that lead to a goal, by index.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) members: Arc<[u32]>,
    /// Whether some of the other members may lead to it also.
    pub(super) is_cut: bool,
}

impl Goal {
    /// Whether a type is itself the goal.
    pub(super) fn is(self, found: &Type) -> bool {
        match self {
            Goal::Guard => is_guard(found),
            Goal::Lock => {
                is_guard(found)
                    || is_acquire(found)
                    || matches!(role(found), Role::DynFuture | Role::FuturesUnordered)
            }
            Goal::Future => matches!(
                role(found),
                Role::Coroutine
                    | Role::Leaf
                    | Role::DynFuture
                    | Role::FuturesUnordered
                    | Role::JoinSet
                    | Role::Shared
            ),
        }
    }
}
