//! Arguments that several commands share, and parsers of values with units.

mod agent;
mod values;

pub use agent::AgentArguments;
pub(crate) use agent::token_of;
pub(crate) use values::memory;
pub use values::{MOST_FRAMES, duration, size};
