//! The limit of work for one module: the command's budget, and a number of steps.
//!
//! With damaged debug information a small file can cost days of work. Steps are counted, so that reading ends
//! in the same way on every machine, and the command's deadline is checked every few steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::budget::{Budget, Exhausted};

/// Maximum entries, instructions and symbols read of one module. A module of 700 MB, the largest that fits
/// into a command's memory, has about 200 million.
const MAX_STEPS: u64 = 1 << 31;

/// Steps between two checks of the clock and of the remaining steps.
const AT_ONCE: u64 = 1024;

/// Bytes searched one by one that count as one step.
const BYTES_PER_STEP: u64 = 16;

/// The limit of work for one module. Clones share it.
#[derive(Debug, Clone)]
pub struct Work {
    budget: Budget,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Remaining steps.
    left: AtomicU64,
    /// Number of strings that were cut.
    cut_strings: AtomicU64,
    /// Addresses at which not all inlined calls are listed.
    cut_calls: AtomicU64,
}

impl Work {
    /// A limit large enough for the largest module.
    pub fn new(budget: &Budget) -> Work {
        Work::limited(budget, MAX_STEPS)
    }

    /// A limit of `steps`.
    pub fn limited(budget: &Budget, steps: u64) -> Work {
        let (cut_strings, cut_calls) = (AtomicU64::new(0), AtomicU64::new(0));
        let shared = Shared { left: AtomicU64::new(steps), cut_strings, cut_calls };
        Work { budget: budget.clone(), shared: Arc::new(shared) }
    }

    /// The budget of the command.
    #[inline]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Counts steps. Each takes some tens of nanoseconds.
    ///
    /// # Errors
    /// [`Exhausted::Time`] when fewer steps are left, or when the deadline has passed.
    pub fn spend(&self, steps: u64) -> Result<(), Exhausted> {
        let left = |left: u64| left.checked_sub(steps);
        if self.shared.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_err() {
            return Err(Exhausted::Time);
        }
        self.budget.check_time()
    }

    /// Counts steps that were taken. The next call of [`Work::spend`] fails if there were too many.
    fn take(&self, steps: u64) {
        let left = |left: u64| Some(left.saturating_sub(steps));
        let _ = self.shared.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
    }

    /// Counts steps of a loop.
    #[inline]
    pub fn counter(&self) -> Counter<'_> {
        Counter { work: self, until_check: 1, taken: 0 }
    }

    /// Counts a string that was cut.
    pub fn cut_string(&self) {
        self.shared.cut_strings.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of strings that were cut; a string that is read twice counts twice.
    pub fn cut_strings(&self) -> u64 {
        self.shared.cut_strings.load(Ordering::Relaxed)
    }

    /// Counts an address at which not all inlined calls are listed.
    pub fn cut_calls_at_an_address(&self) {
        self.shared.cut_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of addresses at which not all inlined calls are listed.
    pub fn cut_calls(&self) -> u64 {
        self.shared.cut_calls.load(Ordering::Relaxed)
    }
}

/// Counts steps in loops. The first step checks the clock and the remaining steps; after that, only one of many
/// steps does. Many short loops are therefore limited like one long loop.
#[derive(Debug)]
pub struct Counter<'a> {
    work: &'a Work,
    /// Steps until the next check.
    until_check: u64,
    /// Steps since the last check.
    taken: u64,
}

impl<'a> Counter<'a> {
    /// Counts one.
    ///
    /// # Errors
    /// As [`Work::spend`].
    #[inline]
    pub fn step(&mut self) -> Result<(), Exhausted> {
        self.steps(1)
    }

    /// Counts several at once.
    ///
    /// # Errors
    /// As [`Work::spend`].
    #[inline]
    pub fn steps(&mut self, steps: u64) -> Result<(), Exhausted> {
        self.taken = self.taken.saturating_add(steps);
        if self.taken < self.until_check {
            return Ok(());
        }
        self.until_check = AT_ONCE;
        self.work.spend(std::mem::take(&mut self.taken))
    }

    /// Counts the steps for reading this many bytes one by one.
    ///
    /// # Errors
    /// As [`Work::spend`].
    #[inline]
    pub fn bytes(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.steps(bytes as u64 / BYTES_PER_STEP)
    }

    /// Number of steps to count.
    #[inline]
    pub fn work(&self) -> &'a Work {
        self.work
    }
}

impl Drop for Counter<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.taken > 0 {
            self.work.take(self.taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn many_short_loops_are_limited_like_one_long_loop() {
        let work = Work::limited(&Budget::new(0), 1000);
        let short_loop = || {
            (0..10).try_for_each({
                let mut counter = work.counter();
                move |_| counter.step()
            })
        };
        assert_eq!((0..1000).take_while(|_| short_loop().is_ok()).count(), 100);
        assert_eq!(short_loop(), Err(Exhausted::Time));
        assert_eq!(Work::limited(&Budget::new(0), 1000).counter().bytes(1 << 20), Err(Exhausted::Time));
    }

    #[test]
    fn a_short_loop_checks_the_clock() {
        let budget = Budget::new(0);
        let work = Work::new(&budget);
        assert_eq!(work.counter().step(), Ok(()));
        budget.end_by(Instant::now());
        assert_eq!(work.counter().step(), Err(Exhausted::Time));
    }
}
