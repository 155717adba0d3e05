//! Parses a line of the table of sockets, and detects a part of a name that looks like one.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, BufRead};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Instant;

use rgops_protocol::discovery::SocketName;

use crate::procfs;

/// The longest name of a socket (`sun_path` of unix(7)).
const LONGEST_NAME: u64 = 108;
/// `__SO_ACCEPTCON` (include/linux/net.h): it listens.
const LISTENS: u64 = 0x1_0000;

/// A line of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) inode: u64,
    pub(super) listens: bool,
    /// The path that the socket is bound to.
    pub(super) path: Option<&'a [u8]>,
}

/// Calls `take` with each line and whether it may be part of another line's name; returns `false` when the
/// deadline passed first.
pub(super) fn each_line(
    table: impl BufRead,
    deadline: Instant,
    mut take: impl FnMut(Found<'_>, bool),
) -> io::Result<bool> {
    // Start offsets of the paths that may continue in this line.
    let mut paths: VecDeque<u64> = VecDeque::new();
    let mut at = 0;
    procfs::each_line(table, deadline, |line| {
        let begin = at;
        at += line.len() as u64;
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let is_heading = begin == 0;
        let Some(found) = parse_line(text).filter(|_| !is_heading) else { return };
        let end = begin + text.len() as u64;
        paths.retain(|path| end - path <= LONGEST_NAME);
        take(found, !paths.is_empty());
        paths.extend(found.path.map(|path| end - path.len() as u64));
    })
}

/// The seven columns of a line and the path after them, which may contain spaces; abstract names begin with
/// `@`. The line of a socket without a name ends after its inode.
fn parse_line(line: &[u8]) -> Option<Found<'_>> {
    let mut rest = line;
    let (mut flags, mut inode) = (None, None);
    for column in 0..7 {
        rest = rest.trim_ascii_start();
        let end = match rest.iter().position(|byte| *byte == b' ') {
            None if column == 6 => rest.len(),
            end => end?,
        };
        let text = std::str::from_utf8(rest.get(..end)?);
        match column {
            3 => flags = u64::from_str_radix(text.ok()?, 16).ok(),
            6 => inode = text.ok()?.parse().ok(),
            _ => {}
        }
        rest = rest.get(end..)?;
    }
    Some(Found { inode: inode?, listens: flags? & LISTENS != 0, path: rest.strip_prefix(b" ") })
}

/// Directory and name of a listening agent socket.
pub(super) fn agent_path(found: Found<'_>) -> Option<(&Path, SocketName)> {
    let path = Path::new(OsStr::from_bytes(found.path?));
    if !found.listens || !path.is_absolute() {
        return None;
    }
    Some((path.parent()?, agent_name(path.file_name()?.to_str()?)?))
}

/// The name of an agent's socket; older agents bound it as `.NAME.xxxxxxxx` and renamed it.
fn agent_name(file_name: &str) -> Option<SocketName> {
    SocketName::parse(file_name).or_else(|| {
        let (name, random) = file_name.strip_prefix('.')?.rsplit_once('.')?;
        (random.len() == 8).then(|| SocketName::parse(name))?
    })
}
