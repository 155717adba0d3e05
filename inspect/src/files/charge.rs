//! Memory that is charged to a budget for as long as something lives.

use crate::budget::{Budget, Exhausted};

/// Bytes of a budget that are given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Budget,
    bytes: u64,
}

impl Charge {
    /// Takes `bytes`, before they are allocated.
    pub(crate) fn new(budget: &Budget, bytes: u64) -> Result<Charge, Exhausted> {
        budget.charge(bytes)?;
        Ok(Charge { budget: budget.clone(), bytes })
    }

    /// Takes more.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Exhausted> {
        self.budget.charge(bytes)?;
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }

    /// Gives back what is not needed after all.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        if let Some(unused) = self.bytes.checked_sub(bytes) {
            self.budget.release(unused);
            self.bytes = bytes;
        }
    }

    /// Takes over what another has charged.
    pub(crate) fn absorb(&mut self, mut other: Charge) {
        self.bytes = self.bytes.saturating_add(std::mem::take(&mut other.bytes));
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.release(self.bytes);
    }
}
