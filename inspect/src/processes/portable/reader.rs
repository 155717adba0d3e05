//! Nothing is listed here, and that is said.

use std::io;
use std::time::{Duration, Instant};

use crate::processes::details::ProcessDetails;
use crate::processes::process::{Listing, RustProcess};
use crate::processes::reader::ProcessReader;

/// Reads nothing.
#[derive(Debug)]
pub(in crate::processes) struct Portable;

impl ProcessReader for Portable {
    fn list(_: Option<Instant>) -> io::Result<Listing> {
        Err(unsupported())
    }

    fn look_at(_: u32, _: Option<Instant>) -> io::Result<RustProcess> {
        Err(unsupported())
    }

    fn details(_: RustProcess, _: Option<Duration>) -> io::Result<ProcessDetails> {
        Err(unsupported())
    }

    fn exists(_: u32) -> bool {
        true
    }

    fn owner(_: u32) -> Option<u32> {
        None
    }

    fn may_be_named(_: u32, _: &str) -> bool {
        false
    }
}

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "processes can be looked up on Linux only")
}
