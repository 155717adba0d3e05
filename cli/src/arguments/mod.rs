//! What is typed: the arguments all commands share, and values with units.

mod agent;
mod values;

pub use agent::AgentArguments;
pub use values::{duration, size};
