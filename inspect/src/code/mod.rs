//! The code behind a profile: its source files, its functions and instructions, and names for addresses without.
//!
//! [`Files`] reads source files and object files for the reports of [`rgops_pprof`]. [`symbolize()`] names the functions
//! of a profile that was saved without names. Both open only regular files, and object files only of the build that
//! the profile states.

mod demangle;
mod files;
mod listed;
mod located;
mod mapped;
mod mode;
mod object;
mod permitted;
mod program;
mod remote;
mod settings;
mod sources;
mod sources_of_rust;
mod symbolize;
pub mod x86;

pub use files::Files;
pub(crate) use mapped::Mapped;
pub use mode::{Demangle, Mode};
pub use program::build_id;
pub use remote::{RemoteRequest, apply_remote, remote_requests, symbol_url};
pub use settings::FileSettings;
pub use symbolize::{NamedModule, symbolize};

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests;
