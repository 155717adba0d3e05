//! `rgops trace`: the summary after the file is saved: how every thread spent its time, and the runtimes.

mod json;
#[cfg(test)]
mod tests;
mod text;

pub use json::JsonTrace;
pub use text::{render, screen};
