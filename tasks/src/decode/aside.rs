//! The state of the search for locks in futures that a task does not poll ([`super::set_aside`]).

use std::collections::HashSet;

use crate::model::{Location, SetAside, TypeName};
use crate::types::TypeId;

/// A function that is suspended.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) name: TypeName,
    pub(super) location: Option<Location>,
}

/// The search in futures that are not polled.
#[derive(Default)]
pub(super) struct Aside {
    /// Local variables that are not awaited, and the depth of their function.
    pub(super) values: Vec<(TypeId, u64, usize)>,
    /// Addresses of functions and leaves that were visited: what was visited first is polled.
    pub(super) visited: HashSet<u64>,
    /// Whether what is visited now is not polled.
    pub(super) is_searched: bool,
    /// The innermost function around that is not one of Tokio's.
    pub(super) function: Option<Function>,
    pub(super) found: Vec<SetAside>,
}

impl Aside {
    /// Whether to visit the function at an address: in a search only once, since it may be polled.
    pub(super) fn enters(&mut self, avma: u64) -> bool {
        self.visited.insert(avma) || !self.is_searched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_polled_is_not_searched() {
        let mut aside = Aside::default();
        assert!(aside.enters(0x1000));
        aside.is_searched = true;
        assert!(!aside.enters(0x1000), "it is polled");
        assert!(aside.enters(0x2000));
        assert!(!aside.enters(0x2000), "in two local variables");
    }
}
