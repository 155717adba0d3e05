//! Decodes a task's bytes into its async stack.
//!
//! [`Decoder::needs`] returns the missing memory and [`Decoder::provide`] takes it, until nothing is missing.
//! Then all used memory outside of the task's own cell is requested once more, with the cell. If any byte
//! differs, the task was polled in between and is not shown. (The agent reads the cell itself twice.) Such a
//! task is read again from its cell, up to a limit: the first pass may have read debug information in
//! between, later passes are fast. [`Decoder::finish`] returns the current result at any time.
//!
//! Bytes and debug information may be wrong in any way. The walk is bounded in depth, nodes and memory. At
//! data that does not fit the stack is cut, and that is counted.

mod aside;
mod block_on;
mod body;
mod cell;
mod content;
mod coroutine;
mod decoder;
mod decoding;
mod goal;
mod lists;
mod macros;
mod memory;
mod names;
mod pointers;
mod possible;
mod retry;
mod roles;
mod round;
mod search;
mod set_aside;
mod task_names;
mod timers;
mod value;
mod waits;
mod walk;

pub use block_on::{BlockedThread, CHANGED, NOT_DESCRIBED};
pub use cell::{bytes_of, state_of};
pub use decoder::Decoder;
pub(crate) use task_names::TaskNames;

#[cfg(test)]
mod tests;
