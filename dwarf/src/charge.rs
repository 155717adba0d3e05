//! Memory that is charged to a budget while a value exists.

use crate::budget::{Budget, Exhausted};

/// Bytes of a budget that are released when this is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Budget,
    bytes: u64,
}

impl Charge {
    /// Charges `bytes` before they are allocated.
    ///
    /// # Errors
    /// As [`Budget::charge`].
    #[inline]
    pub fn new(budget: &Budget, bytes: u64) -> Result<Charge, Exhausted> {
        budget.charge(bytes)?;
        Ok(Charge { budget: budget.clone(), bytes })
    }

    /// An empty charge.
    #[inline]
    pub fn none(budget: &Budget) -> Charge {
        Charge { budget: budget.clone(), bytes: 0 }
    }

    /// Charges more before it is allocated.
    ///
    /// # Errors
    /// As [`Budget::charge`]: then the charge is unchanged.
    #[inline]
    pub fn grow(&mut self, bytes: u64) -> Result<(), Exhausted> {
        self.budget.charge(bytes)?;
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }

    /// Releases the part of the charge above this size.
    #[inline]
    pub fn shrink_to(&mut self, bytes: u64) {
        if let Some(unused) = self.bytes.checked_sub(bytes) {
            self.budget.release(unused);
            self.bytes = bytes;
        }
    }

    /// Takes over another charge.
    #[inline]
    pub fn absorb(&mut self, mut other: Charge) {
        self.bytes = self.bytes.saturating_add(std::mem::take(&mut other.bytes));
    }

    /// Splits off a part, at most the whole charge.
    #[inline]
    pub fn split(&mut self, bytes: u64) -> Charge {
        let part = bytes.min(self.bytes);
        self.bytes -= part;
        Charge { budget: self.budget.clone(), bytes: part }
    }

    /// Keeps the bytes charged: they belong to a value that outlives this one, until the command ends.
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
