//! Tokio tasks: asks an agent for them and for the memory that decoding needs, and finds and opens the files
//! with debug information. [`rgops_tasks`] decodes the bytes.

pub(crate) mod block_on;
mod confirm;
pub mod fetch;
pub(crate) mod files;
mod index_cache;
pub(crate) mod memory;
mod running;
pub mod watch;

pub use files::{TypeFiles, program_types};
pub use rgops_tasks::{decode, graph, model, types};

#[cfg(all(test, target_os = "linux"))]
mod tests;
