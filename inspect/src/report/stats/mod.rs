//! `rgops stats`: uptime, CPU, threads, descriptors, Tokio runtimes and the agent's own cost.

mod json;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use json::runtime as json_runtime;
pub use json::{JsonRuntime, JsonStats};
pub use text::render;
