//! Resolves addresses to names: functions, inlined frames, files and lines, from the files of the modules.
//!
//! Files are opened when the [`Symbolizer`] is made, so that names are available after the process has ended.
//! A file is used only if its build-id is that of the running build. The files are not trusted: the only cost
//! of a damaged or hostile file is missing names. What was found is remembered for the next command.

mod debug;
pub(crate) mod files;
mod folded;
mod frame;
mod module_symbols;
mod names;
mod origin;
mod reasons;
mod remembered;
mod run_time_code;
mod source;
mod symbolizer;
mod system_calls;

pub use frame::{Frame, Origin, file_name};
pub use module_symbols::{Detail, ModuleSymbols};
pub(crate) use names::{demangle, without_closures};
pub use origin::own_frame;
pub(crate) use origin::shown_path;
pub(crate) use symbolizer::CodePlace;
pub use symbolizer::Symbolizer;

#[cfg(all(test, target_os = "linux"))]
mod tests;
