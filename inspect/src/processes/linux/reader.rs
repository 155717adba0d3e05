//! The reader of `/proc`.

use std::io;
use std::time::{Duration, Instant};

use super::{listing, numbers};
use crate::processes::details::ProcessDetails;
use crate::processes::process::{Listing, RustProcess};
use crate::processes::reader::ProcessReader;
use crate::procfs::{self, Stat, Status, is_cut_from};

/// Reads `/proc`.
#[derive(Debug)]
pub(crate) struct Linux;

impl ProcessReader for Linux {
    fn list(deadline: Option<Instant>) -> io::Result<Listing> {
        listing::list(deadline)
    }

    fn read_one(pid: u32, deadline: Option<Instant>) -> io::Result<RustProcess> {
        listing::read_one(pid, deadline)
    }

    fn details(process: RustProcess, window: Option<Duration>) -> io::Result<ProcessDetails> {
        numbers::details(process, window)
    }

    fn exists(pid: u32) -> bool {
        Stat::read(pid).is_ok_and(|stat| !stat.is_over())
    }

    fn is_ending(pid: u32) -> bool {
        // Only the link: a file system that does not answer must not block this thread.
        let has_no_executable = std::fs::read_link(format!("{}/exe", procfs::directory(pid)))
            .is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        has_no_executable && Stat::read(pid).is_ok_and(|stat| !stat.is_kernel_thread)
    }

    fn owner(pid: u32) -> Option<u32> {
        Status::read(pid).ok().map(|status| status.euid())
    }

    fn may_be_named(pid: u32, name: &str) -> bool {
        // This file of `/proc` never blocks.
        Stat::read(pid).is_ok_and(|stat| stat.comm == name || is_cut_from(&stat.comm, name))
    }
}
