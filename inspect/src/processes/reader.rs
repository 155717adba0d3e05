//! What every system is asked about its processes.

use std::io;
use std::time::{Duration, Instant};

use super::details::ProcessDetails;
use super::process::{Listing, RustProcess};

/// Reads the processes of this host. Linux has its own reader of `/proc`, other systems go through `sysinfo`.
pub(super) trait ProcessReader {
    /// The processes that are listed, at most until the deadline of a command that has one.
    fn list(deadline: Option<Instant>) -> io::Result<Listing>;

    /// One process, Rust or not, at most until the deadline of a command that has one.
    ///
    /// # Errors
    /// When there is no such process, or it may not be looked at, or does not let itself be.
    fn look_at(pid: u32, deadline: Option<Instant>) -> io::Result<RustProcess>;

    /// The numbers of a process. With a `window` it waits that long to measure CPU usage.
    ///
    /// # Errors
    /// When it ended. What cannot be read is `Known::Unavailable`.
    fn details(process: RustProcess, window: Option<Duration>) -> io::Result<ProcessDetails>;

    /// Whether there is a process with this pid.
    fn exists(pid: u32) -> bool;

    /// The effective user of a process, where that is known.
    fn owner(pid: u32) -> Option<u32>;

    /// Whether a process that did not answer may have this name. Never waits.
    fn may_be_named(pid: u32, name: &str) -> bool;
}
