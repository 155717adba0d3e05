//! Debug information from the servers in `DEBUGINFOD_URLS`, for a file that has none: by `debuginfod-find` of elfutils,
//! which has the rules for addresses, the cache and the network. Nothing is asked unless [`enable`] was called.
//!
//! The program runs without a shell, with a clean environment, in a process group of its own, and is ended at a
//! deadline. What it prints is read up to a limit, and the file that it names is checked like every other one.

#[cfg(target_os = "linux")]
mod child;
#[cfg(target_os = "linux")]
mod environment;
mod missing;
mod service;

pub(crate) use missing::Missing;
pub(crate) use service::{WHILE_ANSWERED, WHOLE, debug_file, is_enabled};
pub use service::{enable, stop};
