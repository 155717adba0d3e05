//! The local socket: mode 0600 in a directory of mode 0700 that is ours.
//!
//! It is bound under a temporary name and renamed into place, so a socket that can be seen is one
//! that answers. Names are reclaimed by device and inode, never by path alone.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::tokio::Listener as _;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName as _};
use interprocess::os::unix::local_socket::ListenerOptionsExt as _;
use rgops_protocol::discovery::{DIRECTORY_VARIABLE, Environment, SocketName};

use crate::ListenError;
use crate::engine::system;
use crate::procfs::process::Stat;

/// The longest path bind(2) takes (`sun_path` of unix(7)), its terminating zero not counted.
const MAX_SOCKET_PATH: usize = 107;

/// What mends a directory that is refused. A path in a shared one is made by us, with mode 0700.
const ANOTHER_DIRECTORY: &str = "have RGOPS_DIR, or Options::directory if the program calls it, name one that is missing, or yours with mode 700";

/// A listening socket and the file that is its name.
#[derive(Debug)]
pub(crate) struct LocalListener {
    listener: Listener,
    directory: PathBuf,
    path: PathBuf,
    device: u64,
    inode: u64,
    at_exit: Option<system::AtExit>,
}

/// Who is at the other end, as the kernel says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerUser {
    /// Effective user id; `None` when the kernel does not tell.
    pub(crate) uid: Option<u32>,
}

impl LocalListener {
    /// Makes and checks the directory, and listens in it. Must run inside a Tokio runtime.
    pub(crate) fn bind(
        directory: Option<&Path>,
        pid: u32,
        start_time: u64,
        cookie: &[u8; 16],
    ) -> Result<LocalListener, ListenError> {
        let directory = match directory {
            Some(directory) => directory.to_owned(),
            None => environment().directory(),
        };
        // A program may change its directory later. Rebuilt from its parts: with a slash behind it a
        // link would be looked through.
        let absolute = std::path::absolute(&directory)
            .map_err(|error| ListenError::Directory { path: directory.clone(), error })?;
        let directory: PathBuf = absolute.components().collect();
        prepare_directory(&directory)?;

        let name = SocketName { pid, start_time }.file_name();
        let path = directory.join(&name);
        // No name of ours: it does not end in `.sock`, so nobody connects before it is ready.
        let random = u32::from_le_bytes([cookie[0], cookie[1], cookie[2], cookie[3]]);
        let temporary = directory.join(format!(".{name}.{random:08x}"));

        let socket = |error| ListenError::Socket { address: path.display().to_string(), error };
        let listener = listen_at(&directory, &temporary).map_err(socket)?;
        // The umask may have taken bits from the mode it was made with.
        let published = fs::set_permissions(&temporary, Permissions::from_mode(0o600))
            .and_then(|()| fs::symlink_metadata(&temporary))
            .and_then(|metadata| fs::rename(&temporary, &path).map(|()| metadata));
        let metadata = match published {
            Ok(metadata) => metadata,
            Err(error) => {
                let _ = fs::remove_file(&temporary);
                return Err(socket(error));
            }
        };
        let (device, inode) = (metadata.dev(), metadata.ino());
        let at_exit = system::remove_at_exit(&path, device, inode);
        Ok(LocalListener { listener, directory, path, device, inode, at_exit })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The next connection and who made it. Cancel-safe.
    pub(crate) async fn accept(&self) -> io::Result<(Stream, PeerUser)> {
        let stream = self.listener.accept().await?;
        // A peer whose credentials cannot be had is nobody we know; it will be refused.
        let uid = peer_uid(&stream);
        Ok((stream, PeerUser { uid }))
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        // Closed for good, also for the fork children that share it.
        let Listener::UdSocket(listener) = &self.listener;
        system::shut_down(listener.as_fd(), system::ShutDown::Both);
        if let Some(at_exit) = self.at_exit.take() {
            at_exit.forget();
        }
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|file| (file.dev(), file.ino()) == (self.device, self.inode));
        if ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(target_os = "linux")]
fn peer_uid(stream: &Stream) -> Option<u32> {
    let Stream::UdSocket(socket) = stream;
    system::peer_uid(socket.as_fd()).ok()
}

#[cfg(not(target_os = "linux"))]
fn peer_uid(stream: &Stream) -> Option<u32> {
    use interprocess::local_socket::traits::StreamCommon as _;
    stream.peer_creds().ok().and_then(|peer| peer.euid())
}

/// Binds at `path`, through the directory's descriptor when the path is too long for bind(2).
fn listen_at(directory: &Path, path: &Path) -> io::Result<Listener> {
    let (_open, path) = if path.as_os_str().len() <= MAX_SOCKET_PATH {
        (None, path.to_owned())
    } else {
        use std::os::fd::AsRawFd as _;
        let open = fs::File::open(directory)?;
        let name = path.file_name().unwrap_or_default();
        let short = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd())).join(name);
        (Some(open), short)
    };
    ListenerOptions::new()
        .name(path.to_fs_name::<GenericFilePath>()?)
        // Its default removes the file by path when dropped, whoever's it is by then.
        .reclaim_name(false)
        .mode(0o600)
        .create_tokio()
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
fn prepare_directory(directory: &Path) -> Result<(), ListenError> {
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
        "it is a link".to_owned()
    } else if !metadata.is_dir() {
        "it is no directory".to_owned()
    } else if metadata.uid() != uid {
        format!("it belongs to uid {}, not {uid}", metadata.uid())
    } else if metadata.mode() & 0o077 != 0 {
        format!("others may enter it (mode {:o})", metadata.mode() & 0o7777)
    } else {
        return None;
    };
    Some(format!("{why}; {ANOTHER_DIRECTORY}"))
}

/// Removes sockets of ours whose process is gone. Best effort: nothing depends on it, because a
/// stale socket is harmless (its name has a pid and a start time that fit no process).
pub(crate) async fn sweep(directory: PathBuf) {
    const MAX_FILES: usize = 1000;
    let Ok(entries) = fs::read_dir(&directory) else { return };
    let uid = system::effective_uid();
    for entry in entries.flatten().take(MAX_FILES) {
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str().and_then(SocketName::parse) else { continue };
        let path = entry.path();
        let is_ours = |metadata: Metadata| metadata.file_type().is_socket() && metadata.uid() == uid;
        if !fs::symlink_metadata(&path).is_ok_and(is_ours) {
            continue;
        }
        let stat = Stat::read(&format!("/proc/{}/stat", name.pid));
        if stat.is_ok_and(|stat| stat.start_ticks == name.start_time) {
            continue;
        }
        // It may be the live agent of another pid namespace that shares this directory: only a
        // refused connection proves that nobody listens.
        let connect = tokio::net::UnixStream::connect(&path);
        let answer = tokio::time::timeout(Duration::from_millis(100), connect).await;
        if answer
            .is_ok_and(|answer| answer.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused))
        {
            let _ = fs::remove_file(&path);
        }
    }
}
