//! What the table of sockets says of one agent.

use std::path::{Path, PathBuf};

use rgops_protocol::discovery::SocketName;

/// The longest path bind(2) takes. A longer one is bound through a descriptor of its directory.
const MAX_SOCKET_PATH: usize = 107;

/// What the table says of one agent.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(super) name: SocketName,
    /// The directories in which it listens, as its process named them.
    pub(super) directories: Vec<PathBuf>,
    /// Whether there are no others.
    pub(super) is_sure: bool,
    /// Whether the system told anything.
    pub(super) is_told: bool,
}

impl Claims {
    /// Where the process says it put its socket, when it listens: directories that can be looked in.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.directories.iter().map(PathBuf::as_path).filter(|directory| !is_short_cut(directory))
    }

    /// Whether it listens anywhere.
    pub(crate) fn has(&self) -> bool {
        !self.directories.is_empty()
    }

    /// Whether all that listens is known, or nothing can be.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_sure || !self.is_told
    }

    /// Whether the socket in `directory`, as the process names that, listens; `None` when that is not known.
    pub(crate) fn listens(&self, directory: &Path) -> Option<bool> {
        if !self.is_told {
            // The file is all there is to believe.
            return Some(true);
        }
        let is_long = directory.join(self.name.file_name()).as_os_str().len() > MAX_SOCKET_PATH;
        // Compared by their parts: `/run//x` is `/run/x`. A relative one was made absolute by the agent.
        let is_here = |known: &PathBuf| {
            directory.is_relative()
                || known.components().eq(directory.components())
                || is_long && is_short_cut(known)
        };
        match self.directories.iter().any(is_here) {
            true => Some(true),
            false => self.is_sure.then_some(false),
        }
    }
}

/// Whether a directory is named by a descriptor of the process, because its path is long.
fn is_short_cut(directory: &Path) -> bool {
    directory.starts_with("/proc/self/fd") || directory.starts_with("/proc/thread-self/fd")
}
