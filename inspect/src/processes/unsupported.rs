//! Systems other than Linux: nothing is listed, and that is said.

use std::io;
use std::time::Instant;

use super::process::{Listing, RustProcess};

/// Lists the Rust processes of the host; not on this system yet.
///
/// # Errors
/// Always [`io::ErrorKind::Unsupported`].
pub fn list() -> io::Result<Listing> {
    Err(unsupported())
}

pub(super) fn list_until(_: Option<Instant>) -> io::Result<Listing> {
    Err(unsupported())
}

pub(super) fn look_at(_pid: u32, _: Option<Instant>) -> io::Result<RustProcess> {
    Err(unsupported())
}

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "processes can be looked up on Linux only")
}
