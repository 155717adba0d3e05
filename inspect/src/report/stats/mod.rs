//! `rgops stats`: uptime, CPU, threads, descriptors, Tokio runtimes and the agent's own cost.

mod groups;
mod json;
#[cfg(test)]
mod tests;
mod text;

pub use groups::{ActivityGroup, activity_groups};
pub(crate) use json::runtime as json_runtime;
pub use json::{JsonRuntime, JsonStats};
pub use text::render;
