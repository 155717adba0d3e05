//! The reader that uses `sysinfo`.

use std::io;
use std::time::{Duration, Instant};

use super::numbers;
use super::parents::without_later_parents;
use super::shown::{SILENT, Shown, all, one};
use crate::processes::blocking;
use crate::processes::details::ProcessDetails;
use crate::processes::process::{Listing, RustProcess};
use crate::processes::reader::ProcessReader;

/// Reads through `sysinfo`, on a helper thread: the system may block us.
#[derive(Debug)]
pub(crate) struct Portable;

impl ProcessReader for Portable {
    /// All processes: which of them are Rust is unknown.
    fn list(deadline: Option<Instant>) -> io::Result<Listing> {
        let mut shown = blocking::try_run(deadline, SILENT, all)?;
        without_later_parents(&mut shown);
        Ok(Listing {
            processes: shown.into_iter().map(|shown| shown.process).collect(),
            unreadable: 0,
            unanswered: Vec::new(),
            not_asked: 0,
            as_root: is_root(),
        })
    }

    fn read_one(pid: u32, deadline: Option<Instant>) -> io::Result<RustProcess> {
        let look = move || {
            let shown = one(pid)?;
            let parent = shown.process.parent.value().and_then(|parent| one(*parent).ok());
            let mut family: Vec<Shown> = [shown].into_iter().chain(parent).collect();
            without_later_parents(&mut family);
            Ok(family.swap_remove(0).process)
        };
        blocking::try_run(deadline, SILENT, look)
    }

    fn details(process: RustProcess, window: Option<Duration>) -> io::Result<ProcessDetails> {
        numbers::details(process, window)
    }

    fn exists(pid: u32) -> bool {
        blocking::try_run(None, SILENT, move || one(pid)).is_ok()
    }

    fn is_ending(_: u32) -> bool {
        // `sysinfo` does not report it.
        false
    }

    fn owner(_: u32) -> Option<u32> {
        // Only called when the system denies access to a process. `sysinfo` shows such a process
        // without its values, and does not deny it.
        None
    }

    fn may_be_named(_: u32, _: &str) -> bool {
        // All processes are listed at once, so no process is left out.
        false
    }
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}
