//! The directory the sockets are in: 0700 and ours, and locked while a socket is made or removed.

use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rgops_capture::{socket, system};
use rgops_protocol::discovery::{DIRECTORY_VARIABLE, Environment};

use crate::ListenError;

/// The longest path bind(2) takes (`sun_path` of unix(7)), its terminating zero not counted.
const MAX_SOCKET_PATH: usize = 107;

/// How long the lock is tried for. Whoever holds it longer (systemd-tmpfiles holds that of directories it
/// cleans) is not waited for: a client that looks in that very moment may miss the agent.
const LOCK_DEADLINE: Duration = Duration::from_secs(1);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// What mends a directory that is refused. A path in a shared one is made by us, with mode 0700.
const ANOTHER_DIRECTORY: &str = "set RGOPS_DIR (or Options::directory, if the program calls it) to a directory \
     that does not exist yet, or that you own with mode 700";

/// The directory of a program that names none, absolute and without a slash at its end.
pub(super) fn of_the_program(named: Option<&Path>) -> Result<PathBuf, ListenError> {
    let directory = match named {
        Some(directory) => directory.to_owned(),
        None => environment().directory(),
    };
    // A program may change its directory later. Rebuilt from its parts: with a slash behind it a
    // link would be looked through.
    let absolute = std::path::absolute(&directory)
        .map_err(|error| ListenError::Directory { path: directory.clone(), error })?;
    Ok(absolute.components().collect())
}

/// A directory that is open.
pub(super) struct Open {
    path: PathBuf,
    /// None where it may not be read: then it cannot be locked.
    file: io::Result<File>,
}

/// The exclusive lock of a directory; given back when dropped.
pub(super) struct Locked<'o>(&'o File);

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        socket::unlock(self.0.as_fd());
    }
}

impl Open {
    /// Makes it if it is missing, and refuses it when anyone else could be in it.
    pub(super) fn prepare(path: &Path) -> Result<Open, ListenError> {
        prepare(path)?;
        Ok(Open::existing(path))
    }

    /// One that is there, whatever it is.
    pub(super) fn existing(path: &Path) -> Open {
        Open { path: path.to_owned(), file: File::open(path) }
    }

    /// Where a socket `name` is bound: its absolute path, if that is short enough for an address, else one
    /// through our descriptor. The kernel's list of sockets (`/proc/net/unix`) shows what this says.
    pub(super) fn address(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        if path.as_os_str().len() <= MAX_SOCKET_PATH {
            return Ok(path);
        }
        match &self.file {
            // Not `/proc/self`: that is the main thread's table, and ours is another one.
            Ok(file) => Ok(PathBuf::from(format!("/proc/thread-self/fd/{}", file.as_raw_fd())).join(name)),
            Err(error) => Err(io::Error::new(
                error.kind(),
                format!(
                    "the path is too long for a socket address, and its directory cannot be opened: {error}"
                ),
            )),
        }
    }

    /// Locks it, if it can be had within the deadline.
    pub(super) async fn lock(&self) -> Option<Locked<'_>> {
        let file = self.file.as_ref().ok()?;
        let tries = LOCK_DEADLINE.as_millis() / LOCK_PAUSE.as_millis();
        for _ in 0..tries {
            match socket::try_lock(file.as_fd()) {
                Ok(()) => return Some(Locked(file)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(LOCK_PAUSE).await;
                }
                // A file system without locks.
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

/// Makes the directory if it is missing, and refuses it when anyone else could be in it.
fn prepare(directory: &Path) -> Result<(), ListenError> {
    let failed = |error| ListenError::Directory { path: directory.to_owned(), error };
    // The umask can only take bits away from 0700: they are given back to a directory we made.
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

/// Never advises to change what is there: it may be everybody's, as `/tmp`, or somebody's trap.
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
