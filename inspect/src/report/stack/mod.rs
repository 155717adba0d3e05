//! `rgops stack`: every thread and its stack, with identical stacks grouped.

mod executors;
mod frame;
mod json;
mod poll;
mod report;
#[cfg(test)]
mod tests;
mod text;
mod thread;

pub use executors::executors;
pub(crate) use executors::is_without_tokio;
pub(super) use frame::write_frame;
pub(super) use json::JsonFrame;
pub use json::JsonStack;
pub use poll::{Poll, poll};
pub use report::StackReport;
pub use thread::{Activity, Polled, Role, Thread};
