//! The sockets among the descriptors of a process or thread.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

/// Maximum descriptors of a process that are read.
pub(crate) const MAX_DESCRIPTORS: usize = 256 * 1024;

/// Calls `take` with the inode and the link of each socket in a directory of descriptors (`/proc/PID/fd`)
/// until it breaks. Subtracts each descriptor from `left`; returns `false` when there are more descriptors
/// than that.
///
/// # Errors
/// When the directory cannot be read.
pub(crate) fn each_socket(
    directory: &str,
    left: &mut usize,
    mut take: impl FnMut(u64, &Path) -> ControlFlow<()>,
) -> io::Result<bool> {
    for entry in fs::read_dir(directory)? {
        let Some(fewer) = left.checked_sub(1) else { return Ok(false) };
        *left = fewer;
        let link = entry?.path();
        let Ok(socket) = fs::read_link(&link) else { continue };
        if let Some(inode) = socket_inode(&socket)
            && take(inode, &link).is_break()
        {
            break;
        }
    }
    Ok(true)
}

/// The inode in the link of a socket, `socket:[4711]`.
pub(crate) fn socket_inode(link: &Path) -> Option<u64> {
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn sockets_are_listed_until_the_caller_stops_or_the_limit_is_reached() {
        let _sockets = std::os::unix::net::UnixStream::pair().unwrap();
        let look = |mut left: usize, most: usize| {
            let mut found = 0;
            let is_whole = each_socket("/proc/self/fd", &mut left, |_, _| {
                found += 1;
                if found < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            (is_whole.unwrap(), found)
        };
        let (is_whole, found) = look(MAX_DESCRIPTORS, usize::MAX);
        assert!(is_whole && found >= 2, "{found}");
        assert_eq!(look(MAX_DESCRIPTORS, 1), (true, 1));
        assert_eq!(look(0, usize::MAX), (false, 0));
    }
}
