//! Tokio tasks: an agent is asked for them and for the memory that decoding needs, and files with debug
//! information are found and opened. What the bytes mean is told by [`rgops_tasks`].

pub mod fetch;
mod files;
mod index_cache;

pub use files::{TypeFiles, program_types};
pub use rgops_tasks::{decode, graph, model, types};

#[cfg(all(test, target_os = "linux"))]
mod tests;
