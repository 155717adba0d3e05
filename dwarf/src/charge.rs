//! Memory that is charged to a budget for as long as something lives.

use crate::budget::{Budget, Exhausted};

/// Bytes of a budget that are given back when this is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Budget,
    bytes: u64,
}

impl Charge {
    /// Takes `bytes`, before they are allocated.
    ///
    /// # Errors
    /// As [`Budget::charge`].
    #[inline]
    pub fn new(budget: &Budget, bytes: u64) -> Result<Charge, Exhausted> {
        budget.charge(bytes)?;
        Ok(Charge { budget: budget.clone(), bytes })
    }

    /// Takes nothing yet.
    #[inline]
    pub fn none(budget: &Budget) -> Charge {
        Charge { budget: budget.clone(), bytes: 0 }
    }

    /// Takes more, before it is allocated.
    ///
    /// # Errors
    /// As [`Budget::charge`]: then it is as it was.
    #[inline]
    pub fn grow(&mut self, bytes: u64) -> Result<(), Exhausted> {
        self.budget.charge(bytes)?;
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }

    /// Gives back what is not needed after all.
    #[inline]
    pub fn shrink_to(&mut self, bytes: u64) {
        if let Some(unused) = self.bytes.checked_sub(bytes) {
            self.budget.release(unused);
            self.bytes = bytes;
        }
    }

    /// Takes over what another has charged.
    #[inline]
    pub fn absorb(&mut self, mut other: Charge) {
        self.bytes = self.bytes.saturating_add(std::mem::take(&mut other.bytes));
    }

    /// Takes a part out of it, as far as it has so much.
    #[inline]
    pub fn split(&mut self, bytes: u64) -> Charge {
        let part = bytes.min(self.bytes);
        self.bytes -= part;
        Charge { budget: self.budget.clone(), bytes: part }
    }

    /// Leaves the bytes charged: they are of what outlives this, for as long as the command goes on.
    #[inline]
    pub fn leave(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Charge {
    #[inline]
    fn drop(&mut self) {
        self.budget.release(self.bytes);
    }
}
