//! What was read of files of programs, kept for the next command: a private directory of bounded files.

mod directory;

#[cfg(target_os = "linux")]
pub(crate) use directory::is_in_own;
pub(crate) use directory::{Directory, Kind};
