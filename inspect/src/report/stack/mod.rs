//! `rgops stack`: every thread and its stack, with identical stacks grouped.

mod frame;
mod json;
mod poll;
mod report;
#[cfg(test)]
mod tests;
mod text;
mod thread;

pub(super) use frame::write_frame;
pub(super) use json::JsonFrame;
pub use json::JsonStack;
pub use poll::{Poll, poll};
pub use report::StackReport;
pub use thread::{Activity, Polled, Role, Thread};
