//! `rgops stack`: every thread and its stack, with identical stacks grouped.

mod executors;
mod fold;
mod frame;
mod group;
mod json;
mod likeness;
mod locks;
mod nameless;
mod parked;
mod poll;
mod report;
mod role;
#[cfg(test)]
mod tests;
mod text;
mod thread;
mod view;
mod watched;

pub use executors::executors;
pub(crate) use executors::is_without_tokio;
pub(super) use frame::{Style, write_frame};
pub(super) use json::JsonFrame;
pub use json::JsonStack;
pub(super) use likeness::Likenesses;
pub(crate) use nameless::{Runtimes, are_nameless, tell_apart};
pub use poll::{Poll, poll};
pub use report::StackReport;
pub(crate) use report::lock_threads;
pub use role::Role;
pub use thread::{Activity, Moved, Polled, Thread};
pub use view::View;
pub(crate) use watched::Watched;
