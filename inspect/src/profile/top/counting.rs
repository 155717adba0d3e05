//! Sums up a profile within the budget of a command.

use rgops_pprof::model::Limits;
use rgops_pprof::proto::Profile;
use rgops_pprof::top::{Options, Top};

use crate::budget::{Budget, Exhausted};
use crate::text::reason;

/// Functions of samples that are counted even after the deadline: a few seconds of work.
const COUNTED_LATE: usize = 1 << 24;

/// Sums up a profile within the budget. The result has all rows or none, because partial sums would be wrong.
pub fn within(budget: &Budget, profile: &Profile, options: Options<'_>) -> Top {
    let mut counting = Counting::new(budget);
    let counted = rgops_pprof::top::within(&mut counting, profile, options);
    budget.release(counting.allocated);
    counted.unwrap_or_else(|why| Top::left_out(profile, options, reason(why)))
}

/// Limits of counting.
pub(super) struct Counting<'b> {
    budget: &'b Budget,
    pub(super) counted_late: usize,
    /// Bytes charged so far. Other users of the budget may charge meanwhile.
    allocated: u64,
}

impl Counting<'_> {
    pub(super) fn new(budget: &Budget) -> Counting<'_> {
        Counting { budget, counted_late: COUNTED_LATE, allocated: 0 }
    }
}

impl Limits for Counting<'_> {
    type Error = Exhausted;

    fn counted(&mut self, functions: usize) -> Result<(), Exhausted> {
        if functions > self.counted_late { self.budget.check_time() } else { Ok(()) }
    }

    fn allocate(&mut self, bytes: u64) -> Result<(), Exhausted> {
        self.budget.charge(bytes)?;
        self.allocated += bytes;
        Ok(())
    }
}
