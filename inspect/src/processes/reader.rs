//! The questions about processes that every system answers.

use std::io;
use std::time::{Duration, Instant};

use super::details::ProcessDetails;
use super::process::{Listing, RustProcess};

/// Reads the processes of this host. Linux has its own reader of `/proc`; other systems use `sysinfo`.
pub(super) trait ProcessReader {
    /// The processes for the list, at most until the deadline of the command, if it has one.
    fn list(deadline: Option<Instant>) -> io::Result<Listing>;

    /// One process, Rust or not, at most until the deadline of the command, if it has one.
    ///
    /// # Errors
    /// When there is no such process, access is denied, or reading it timed out.
    fn read_one(pid: u32, deadline: Option<Instant>) -> io::Result<RustProcess>;

    /// The measured values of a process. With a `window` it waits that long to measure CPU usage.
    ///
    /// # Errors
    /// When it ended. Values that cannot be read are `Known::Unavailable`.
    fn details(process: RustProcess, window: Option<Duration>) -> io::Result<ProcessDetails>;

    /// Whether there is a process with this pid that has not ended.
    fn exists(pid: u32) -> bool;

    /// Whether the process had an executable and no longer has it.
    fn is_ending(pid: u32) -> bool;

    /// The effective user of a process, where it is known.
    fn owner(pid: u32) -> Option<u32>;

    /// Whether a process that did not answer may have this name. Never blocks.
    fn may_be_named(pid: u32, name: &str) -> bool;
}
