//! What counting may cost: a location may stand for hundreds of inlined functions, and be in every sample.

use std::convert::Infallible;

/// What a caller lets counting cost.
pub trait Limits {
    /// Why counting has to stop.
    type Error;

    /// Called now and then with the functions of samples that were looked at so far, some milliseconds' work apart.
    ///
    /// # Errors
    /// Whatever the caller stops counting by.
    fn counted(&mut self, functions: usize) -> Result<(), Self::Error>;

    /// Called before `bytes` more are allocated for calls between functions. As many calls as there are frames are
    /// not told: they cost less than the profile itself.
    ///
    /// # Errors
    /// Whatever the caller stops counting by.
    fn allocate(&mut self, bytes: u64) -> Result<(), Self::Error>;
}

/// No limits: for profiles of one's own.
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

/// What counting has cost so far.
#[derive(Debug)]
pub struct Work<'l, L> {
    limits: &'l mut L,
    /// Functions of samples that were looked at.
    steps: usize,
    /// Calls that may still come before more are allocated.
    pub(super) paid_calls: usize,
}

/// Functions of samples between two looks at the limits: some milliseconds' work.
const COUNTED_AT_A_TIME: usize = 1 << 16;
/// What a call between two functions costs in bytes, and how many are allocated at a time.
const CALL_BYTES: u64 = 64;
const CALLS_AT_A_TIME: usize = 1 << 16;

impl<'l, L: Limits> Work<'l, L> {
    /// None so far.
    pub fn new(limits: &'l mut L) -> Work<'l, L> {
        Work { limits, steps: 0, paid_calls: 0 }
    }

    /// Functions of a sample were looked at.
    pub(super) fn add_steps(&mut self, functions: usize) -> Result<(), L::Error> {
        let before = self.steps / COUNTED_AT_A_TIME;
        self.steps += functions;
        if self.steps / COUNTED_AT_A_TIME > before {
            self.limits.counted(self.steps)?;
        }
        Ok(())
    }

    /// There are new calls.
    pub(super) fn add_calls(&mut self, calls: usize) -> Result<(), L::Error> {
        if self.paid_calls < calls {
            self.limits.allocate(CALL_BYTES * CALLS_AT_A_TIME as u64)?;
            self.paid_calls += CALLS_AT_A_TIME;
        }
        self.paid_calls -= calls;
        Ok(())
    }
}
