//! Finds the file with a module's names: checks candidates in order against the build-id of the running
//! module.
//!
//! Names from another build would be wrong without looking wrong, so a file is used only when its build-id is
//! the module's. For a module without a build-id (some static musl builds) only files are used that the kernel
//! ties to the running program, even when the file on disk was replaced or deleted: `/proc/PID/exe` and
//! `/proc/PID/map_files` (proc(5)); and debug links with the right checksum.
//!
//! An answer is trusted only as far as the kernel confirms it: for a process of this host, only modules that
//! it maps are searched for.

mod candidate;
mod directory;
mod finder;
mod found;
mod symbol_file;

pub(crate) use finder::Finder;
pub(crate) use found::Found;
pub(crate) use symbol_file::{Content, SymbolFile};
