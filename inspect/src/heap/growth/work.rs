//! What comparing may take.

use std::time::{Duration, Instant};

use crate::budget::{Budget, Exhausted};

/// For comparing, where the window took all the command's time.
const GRACE: Duration = Duration::from_secs(5);

/// The memory and the time there is for comparing.
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
