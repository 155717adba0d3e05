//! `rgops stats`: uptime, CPU, threads, descriptors, Tokio runtimes and the agent's own cost.

mod json;
#[cfg(test)]
mod tests;
mod text;

pub use json::JsonStats;
pub use text::render;
