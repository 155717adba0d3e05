//! The entries of one agent in the table of sockets.

use std::path::{Path, PathBuf};

use rgops_protocol::discovery::SocketName;

/// The longest path that bind(2) takes. An agent binds a longer one through a descriptor of its directory.
const MAX_SOCKET_PATH: usize = 107;

/// The entries of one agent in the table.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(super) name: SocketName,
    /// The directories in which it listens, as its process named them.
    pub(super) directories: Vec<PathBuf>,
    /// Whether there are no other entries.
    pub(super) is_sure: bool,
    /// Whether the system showed a table.
    pub(super) is_visible: bool,
}

impl Claims {
    /// The directories in which the process put its socket, if it listens, as far as they can be opened.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.directories.iter().map(PathBuf::as_path).filter(|directory| !is_through_descriptor(directory))
    }

    /// Whether it listens in any directory.
    pub(crate) fn has(&self) -> bool {
        !self.directories.is_empty()
    }

    /// Whether all its listening sockets are known, or the system hides them.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_sure || !self.is_visible
    }

    /// Whether the socket in `directory`, as the process names it, listens; `None` when that is unknown.
    pub(crate) fn listens(&self, directory: &Path) -> Option<bool> {
        if !self.is_visible {
            // The file is the only evidence.
            return Some(true);
        }
        let is_long = directory.join(self.name.file_name()).as_os_str().len() > MAX_SOCKET_PATH;
        // Compared by components: `/run//x` is `/run/x`. The agent made a relative path absolute.
        let is_here = |known: &PathBuf| {
            directory.is_relative()
                || known.components().eq(directory.components())
                || is_long && is_through_descriptor(known)
        };
        match self.directories.iter().any(is_here) {
            true => Some(true),
            false => self.is_sure.then_some(false),
        }
    }
}

/// Whether a directory is named through a descriptor of the process, because its path is long.
fn is_through_descriptor(directory: &Path) -> bool {
    directory.starts_with("/proc/self/fd") || directory.starts_with("/proc/thread-self/fd")
}
