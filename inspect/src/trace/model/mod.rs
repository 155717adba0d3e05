//! Threads over time.

#[cfg(test)]
mod tests;
mod timeline;

pub use timeline::{Segment, Timeline};
