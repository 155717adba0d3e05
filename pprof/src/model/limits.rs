//! Limits of counting: a location may have hundreds of inlined functions and be in every sample.

use std::convert::Infallible;

/// The limits that a caller sets.
pub trait Limits {
    /// Why counting has to stop.
    type Error;

    /// Called every few milliseconds of work, with the number of functions of samples visited so far.
    ///
    /// # Errors
    /// An error of the caller, which stops the counting.
    fn counted(&mut self, functions: usize) -> Result<(), Self::Error>;

    /// Called before `bytes` more are allocated for calls between functions. The first calls, as many as there are
    /// frames, are not reported: they cost less than the profile itself.
    ///
    /// # Errors
    /// An error of the caller, which stops the counting.
    fn allocate(&mut self, bytes: u64) -> Result<(), Self::Error>;
}

/// No limits: for trusted profiles.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

impl Limits for Unlimited {
    type Error = Infallible;

    fn counted(&mut self, _functions: usize) -> Result<(), Infallible> {
        Ok(())
    }

    fn allocate(&mut self, _bytes: u64) -> Result<(), Infallible> {
        Ok(())
    }
}

/// The cost of counting so far.
#[derive(Debug)]
pub struct Work<'l, L> {
    limits: &'l mut L,
    /// Functions of samples visited so far.
    steps: usize,
    /// Calls that are already paid for.
    pub(super) paid_calls: usize,
}

/// Functions of samples between two checks of the limits: a few milliseconds of work.
const COUNTED_AT_A_TIME: usize = 1 << 16;
/// Bytes per call between two functions, and the number of calls that are allocated at a time.
const CALL_BYTES: u64 = 64;
const CALLS_AT_A_TIME: usize = 1 << 16;

impl<'l, L: Limits> Work<'l, L> {
    /// No cost so far.
    pub fn new(limits: &'l mut L) -> Work<'l, L> {
        Work { limits, steps: 0, paid_calls: 0 }
    }

    /// Counts visited functions of a sample.
    pub(super) fn add_steps(&mut self, functions: usize) -> Result<(), L::Error> {
        let before = self.steps / COUNTED_AT_A_TIME;
        self.steps += functions;
        if self.steps / COUNTED_AT_A_TIME > before {
            self.limits.counted(self.steps)?;
        }
        Ok(())
    }

    /// Counts new calls.
    pub(super) fn add_calls(&mut self, calls: usize) -> Result<(), L::Error> {
        if self.paid_calls < calls {
            self.limits.allocate(CALL_BYTES * CALLS_AT_A_TIME as u64)?;
            self.paid_calls += CALLS_AT_A_TIME;
        }
        self.paid_calls -= calls;
        Ok(())
    }
}
