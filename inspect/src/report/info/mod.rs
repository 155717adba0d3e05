//! `rgops PID`: one process in detail, with what is urgent first.

mod groups;
mod json;
#[cfg(test)]
mod tests;
mod text;

pub(super) use groups::without_numbers;
pub use groups::{ConnectionGroup, ThreadGroup, connection_groups, thread_groups};
pub use json::{ConnectionGroupJson, ConnectionJson, InfoJson, ThreadGroupJson, ThreadJson, json};
pub use text::text;
