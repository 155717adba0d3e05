//! The directory of the sockets: mode 0700 and owned by this user, and locked while a socket is created or removed.

use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rgops_capture::{socket, system};
use rgops_protocol::discovery::{DIRECTORY_VARIABLE, Environment};

use crate::ListenError;

/// The longest path that bind(2) accepts (`sun_path` of unix(7)), without the terminating zero.
const MAX_SOCKET_PATH: usize = 107;

/// How long to try to get the lock. If another process holds it longer (systemd-tmpfiles locks the directories it
/// cleans), the agent continues without it: a client that searches at that very moment may miss the agent.
const LOCK_DEADLINE: Duration = Duration::from_secs(1);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The fix for a directory that is refused. If the new directory does not exist, the agent creates it with mode 0700.
const ANOTHER_DIRECTORY: &str = "set RGOPS_DIR (or Options::directory, if the program calls it) to a directory \
     that does not exist yet, or that you own with mode 700";

/// The directory that the program named, else the one from the environment; absolute and without a trailing slash.
pub(super) fn of_the_program(named: Option<&Path>) -> Result<PathBuf, ListenError> {
    let directory = match named {
        Some(directory) => directory.to_owned(),
        None => environment().directory(),
    };
    // The path is absolute because a program may change its directory later. It is rebuilt from its components
    // because with a trailing slash the system would follow a symbolic link.
    let absolute = std::path::absolute(&directory)
        .map_err(|error| ListenError::Directory { path: directory.clone(), error })?;
    Ok(absolute.components().collect())
}

/// An open directory.
pub(super) struct Open {
    path: PathBuf,
    /// An error if the directory cannot be read. Then it cannot be locked.
    file: io::Result<File>,
}

/// The exclusive lock of a directory; released when dropped.
pub(super) struct Locked<'o>(&'o File);

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        socket::unlock(self.0.as_fd());
    }
}

impl Open {
    /// Creates the directory if it is missing, and refuses it if other users have access to it.
    pub(super) fn prepare(path: &Path) -> Result<Open, ListenError> {
        prepare(path)?;
        Ok(Open::existing(path))
    }

    /// Opens an existing directory without any check.
    pub(super) fn existing(path: &Path) -> Open {
        Open { path: path.to_owned(), file: File::open(path) }
    }

    /// The address to bind the socket `name` to: its absolute path if that is short enough for an address, else a
    /// path through the directory's descriptor. The kernel's list of sockets (`/proc/net/unix`) shows this address.
    pub(super) fn address(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        if path.as_os_str().len() <= MAX_SOCKET_PATH {
            return Ok(path);
        }
        match &self.file {
            // Not `/proc/self`: that is the main thread's descriptor table, and the agent has its own.
            Ok(file) => Ok(PathBuf::from(format!("/proc/thread-self/fd/{}", file.as_raw_fd())).join(name)),
            Err(error) => Err(io::Error::new(
                error.kind(),
                format!(
                    "the path is too long for a socket address, and its directory cannot be opened: {error}"
                ),
            )),
        }
    }

    /// Locks the directory; `None` if that is not possible within the deadline.
    pub(super) async fn lock(&self) -> Option<Locked<'_>> {
        let file = self.file.as_ref().ok()?;
        let tries = LOCK_DEADLINE.as_millis() / LOCK_PAUSE.as_millis();
        for _ in 0..tries {
            match socket::try_lock(file.as_fd()) {
                Ok(()) => return Some(Locked(file)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(LOCK_PAUSE).await;
                }
                // The file system has no locks.
                Err(_) => return None,
            }
        }
        None
    }
}

fn environment() -> Environment {
    Environment {
        rgops_dir: std::env::var_os(DIRECTORY_VARIABLE),
        xdg_runtime_dir: std::env::var_os("XDG_RUNTIME_DIR"),
        tmpdir: std::env::var_os("TMPDIR"),
        uid: system::effective_uid(),
    }
}

/// Creates the directory if it is missing, and refuses it if other users have access to it.
fn prepare(directory: &Path) -> Result<(), ListenError> {
    let failed = |error| ListenError::Directory { path: directory.to_owned(), error };
    // The umask may have removed bits of 0700. They are restored if the agent created the directory.
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        Err(_) => {}
        Ok(()) => fs::set_permissions(directory, Permissions::from_mode(0o700)).map_err(failed)?,
    }
    let metadata = fs::symlink_metadata(directory).map_err(failed)?;
    match unsafe_because(&metadata, system::effective_uid()) {
        Some(why) => Err(ListenError::UnsafeDirectory { path: directory.to_owned(), why }),
        None => Ok(()),
    }
}

/// Why the directory is unsafe. The fix never advises to change an existing directory: it may be shared, as `/tmp`, or
/// a trap set by another user.
fn unsafe_because(metadata: &Metadata, uid: u32) -> Option<String> {
    let why = if metadata.file_type().is_symlink() {
        "it is a symbolic link".to_owned()
    } else if !metadata.is_dir() {
        "it is not a directory".to_owned()
    } else if metadata.uid() != uid {
        format!("it belongs to uid {}, not {uid}", metadata.uid())
    } else if metadata.mode() & 0o077 != 0 {
        format!("other users have access to it (mode {:o})", metadata.mode() & 0o7777)
    } else {
        return None;
    };
    Some(format!("{why}; {ANOTHER_DIRECTORY}"))
}
