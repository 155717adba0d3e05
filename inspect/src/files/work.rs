//! How much may be done for one module: the command's budget, and a number of steps.
//!
//! Damaged debug information can make a small file cost days of work. Steps are counted, so that it ends
//! the same way on every machine, and each few of them look at the command's deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::budget::{Budget, Exhausted};

/// Entries, instructions and symbols of one module that are read: a module of 700 MB, the most that fits
/// into a command's memory, has some 200 million.
const MOST_STEPS: u64 = 1 << 31;

/// Steps between two looks at the clock and at the number that is left.
const AT_ONCE: u32 = 1024;

/// What may be done for one module. A clone is the same.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    budget: Budget,
    left: Arc<AtomicU64>,
}

impl Work {
    pub(crate) fn new(budget: &Budget) -> Work {
        Work::limited(budget, MOST_STEPS)
    }

    pub(crate) fn limited(budget: &Budget, steps: u64) -> Work {
        Work { budget: budget.clone(), left: Arc::new(AtomicU64::new(steps)) }
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Counts steps, of which each takes some ten nanoseconds.
    pub(crate) fn spend(&self, steps: u64) -> Result<(), Exhausted> {
        let left = |left: u64| left.checked_sub(steps);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_err() {
            return Err(Exhausted::Time);
        }
        self.budget.check_time()
    }

    pub(crate) fn counter(&self) -> Counter<'_> {
        Counter { work: self, until_spent: AT_ONCE }
    }
}

/// Counts single steps, for loops.
#[derive(Debug)]
pub(crate) struct Counter<'a> {
    work: &'a Work,
    until_spent: u32,
}

impl Counter<'_> {
    #[inline]
    pub(crate) fn step(&mut self) -> Result<(), Exhausted> {
        self.until_spent -= 1;
        if self.until_spent == 0 {
            self.until_spent = AT_ONCE;
            return self.work.spend(u64::from(AT_ONCE));
        }
        Ok(())
    }
}

impl Drop for Counter<'_> {
    fn drop(&mut self) {
        // Many short loops are counted as one long.
        let _ = self.work.spend(u64::from(AT_ONCE - self.until_spent));
    }
}
