//! Memory of this process: reads that cannot fault, and anonymous mappings.
//!
//! * [`copy()`], [`copy_start`]: a single copy by the kernel, for the agent's thread.
//! * [`Reader`]: many ranges, by a method that the sandbox allows.
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
