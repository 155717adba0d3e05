//! Stub for processors on which sleeping threads are not walked. On aarch64 a thread sleeps in a function that keeps
//! its return address in a register (`syscall` of the C library), which the kernel does not report.

use super::stack_copy::{Incomplete, Place, StackCopy, Walked};
use crate::modules::Modules;

/// Always fails.
pub(super) struct Walker<'m>(std::marker::PhantomData<&'m Modules>);

impl Walker<'_> {
    pub(super) fn new(_modules: &Modules) -> Walker<'_> {
        Walker(std::marker::PhantomData)
    }

    pub(super) fn walk(&mut self, _place: Place, _stack: &StackCopy<'_>) -> Result<Walked, Incomplete> {
        Err(Incomplete::Processor)
    }
}
