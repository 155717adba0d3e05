//! `rgops tasks`: every Tokio task and its current `await`, with identical tasks grouped; who waits for whom; and
//! deadlocks, which come first.

mod aside;
mod blocked;
mod dot;
mod filter;
mod graph;
mod group;
mod header;
mod json;
mod named;
mod names;
mod one;
mod owners;
mod report;
mod select;
mod shapes;
mod sockets;
#[cfg(test)]
mod tests;
mod text;
mod thread;
mod tree;
mod unlisted;
mod view;
mod waiting;
mod words;

pub use filter::{Filter, WaitingOn};
pub use json::JsonTasks;
pub(crate) use named::Named;
pub use report::TasksReport;
pub use view::View;
