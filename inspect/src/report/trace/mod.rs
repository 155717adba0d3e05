//! `rgops trace`: what every thread spent its time on, and the runtimes, below the saved file.

mod json;
#[cfg(test)]
mod tests;
mod text;

pub use json::JsonTrace;
pub use text::{render, screen};
