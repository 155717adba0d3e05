//! Addresses to names: functions, inlined frames, files and lines, from the modules' own files.
//!
//! Files are opened when the [`Symbolizer`] is made, so names can still be had after the process
//! has ended, and each is used only if its build-id is that of the build that runs. They are those of
//! others: damaged or hostile ones cost names, and nothing else.

mod debug;
pub(crate) mod files;
mod frame;
mod module_symbols;
mod names;
mod source;
mod symbolizer;

pub use frame::{Frame, file_name};
pub use module_symbols::{Detail, ModuleSymbols};
pub use symbolizer::Symbolizer;

#[cfg(all(test, target_os = "linux"))]
mod tests;
