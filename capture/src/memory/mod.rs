//! Memory of this process: read so that nothing can fault, and pages of our own.
//!
//! * [`copy()`], [`copy_start`]: one copy by the kernel, for the agent's thread.
//! * [`Reader`]: many ranges, by the method that the sandbox allows.
//! * [`StackMemory`]: the interrupted thread's stack, for the signal handler.
//! * [`Pages`]: an anonymous mapping.

mod copy;
mod pages;
mod reader;
mod stack;

pub(crate) use copy::{copy, copy_start};
pub(crate) use pages::Pages;
pub use reader::{Range, Reader};
pub(crate) use stack::{PAGE_BYTES, StackMemory};
