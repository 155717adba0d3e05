//! Limits of the comparison.

use std::time::{Duration, Instant};

use crate::budget::{Budget, Exhausted};

/// Time for the comparison if the window took all the time of the command.
const GRACE: Duration = Duration::from_secs(5);

/// The memory and time for the comparison.
pub(super) struct Work {
    pub(super) budget: Budget,
    pub(super) until: Option<Instant>,
}

impl Work {
    pub(super) fn new(budget: &Budget) -> Work {
        let least = Instant::now() + GRACE;
        Work { budget: budget.clone(), until: budget.deadline().map(|deadline| deadline.max(least)) }
    }

    pub(super) fn check(&self) -> Result<(), Exhausted> {
        match self.until {
            Some(until) if Instant::now() >= until => Err(Exhausted::Time),
            _ => Ok(()),
        }
    }
}
