//! From a task's bytes to its async stack.
//!
//! [`Decoder::needs`] names the memory that is missing, [`Decoder::provide`] takes it, until nothing is
//! missing; then everything that was used from outside of the task's own cell is asked for once more,
//! with the cell: a task of which a byte differs was polled in between and is not shown. (The cell by
//! itself was read twice by the agent.) Such a task is read anew from its cell on, a few times: the
//! first pass may have read debug information in between, the next ones are quick. [`Decoder::finish`]
//! gives what is known at any time.
//!
//! Bytes and debug information may be wrong in any way. The walk is bounded in depth, nodes and memory;
//! whatever does not fit cuts the stack there, which is counted.

mod cell;
mod content;
mod decoder;
mod decoding;
mod lists;
mod macros;
mod memory;
mod names;
mod pointers;
mod retry;
mod roles;
mod value;
mod waits;
mod walk;

pub use cell::bytes_of;
pub use decoder::Decoder;

#[cfg(test)]
mod tests;
