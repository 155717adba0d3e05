//! `rgops version`: how the program was built, and the effect on other commands.

mod auditable;
mod build;
mod json;
#[cfg(test)]
mod tests;
mod text;

pub use auditable::{Dependency, dependencies};
pub use build::{DebugInfo, Mangling, debug_info, has_symbols, mangling};
pub use json::JsonVersion;
pub use text::render;
