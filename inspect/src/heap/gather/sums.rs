//! Allocations and frees of a stack.

use rgops_protocol::reply::pprof_heap::Estimate;

/// Allocated and freed since sampling started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) allocated: Estimate,
    pub(crate) freed: Estimate,
}

impl Sums {
    pub(crate) fn live(self) -> Estimate {
        self.allocated.minus(self.freed)
    }

    pub(super) fn since(self, earlier: Sums) -> Sums {
        Sums { allocated: self.allocated.minus(earlier.allocated), freed: self.freed.minus(earlier.freed) }
    }
}
