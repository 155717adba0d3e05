//! Local sockets: opened once, checked through the open descriptor, and connected through it.
//!
//! A path may lead to another file a moment later. So the directory and the socket are opened (`O_PATH`,
//! symbolic links not followed), their owners and modes are read from the descriptors, and connect(2) uses
//! the socket's descriptor: the socket that was checked is the socket that gets the request. After connecting, the
//! kernel reports which process listens.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use rgops_protocol::received::Speaker;
use rustix::fs::{FileType, FlockOperation, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with, sockopt};

use super::error::ClientError;
use crate::identity::has_only_user;

/// How long to wait for an agent that is about to listen.
const BIND_TIMEOUT: Duration = Duration::from_secs(1);
const BIND_PAUSE: Duration = Duration::from_millis(10);

/// A connection, and the process that listens, in our pid namespace; `None` when it is in another one.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) stream: UnixStream,
    pub(super) pid: Option<u32>,
    /// The speaker of its texts: this user when all users of the process are the current user.
    pub(super) speaker: Speaker,
}

/// The file at a socket's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// Device and inode.
    pub(crate) file: (u64, u64),
    pub(crate) uid: u32,
    pub(crate) is_socket: bool,
}

/// Reads the metadata of the file at a path; a symbolic link in the last place is not followed.
///
/// # Errors
/// The system's error.
pub(crate) fn metadata(path: &Path) -> io::Result<Found> {
    let Opened { socket, .. } = open(path)?;
    let is_socket = FileType::from_raw_mode(socket.1.st_mode) == FileType::Socket;
    Ok(Found { file: (socket.1.st_dev, socket.1.st_ino), uid: socket.1.st_uid, is_socket })
}

/// Connects to the socket at `path` and checks its owner. `pid` is the process that must listen.
pub(super) fn connect(path: &Path, pid: Option<u32>, timeout: Duration) -> Result<Connected, ClientError> {
    match connect_once(path, pid, timeout) {
        Err(ClientError::ConnectionRefused { error, .. })
            if error.kind() == io::ErrorKind::ConnectionRefused =>
        {
            // It may be bound and not listening yet: an agent holds the lock of its directory until it
            // listens.
            wait_for_binding(path, timeout);
            connect_once(path, pid, timeout)
        }
        other => other,
    }
}

/// Waits until no process binds a socket in the directory of `path`: an agent holds the directory's lock
/// while it does.
pub(crate) fn wait_for_binding(path: &Path, timeout: Duration) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(directory) = open_directory(directory_of(path)) else { return };
    let Ok(directory) = rustix::fs::openat(&directory, ".", flags, Mode::empty()) else { return };
    let deadline = Instant::now() + timeout.min(BIND_TIMEOUT);
    // Anyone who can open the directory can hold the lock forever, so this does not block in the kernel.
    while rustix::fs::flock(&directory, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
        && Instant::now() < deadline
    {
        std::thread::sleep(BIND_PAUSE);
    }
}

struct Opened {
    directory: (OwnedFd, Stat),
    socket: (OwnedFd, Stat),
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    }
}

fn open(path: &Path) -> io::Result<Opened> {
    let Some(name) = path.file_name() else { return Err(Errno::INVAL.into()) };
    let directory = open_directory(directory_of(path))?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let socket = rustix::fs::openat(&directory, name, flags, Mode::empty())?;
    let (of_directory, of_socket) = (rustix::fs::fstat(&directory)?, rustix::fs::fstat(&socket)?);
    Ok(Opened { directory: (directory, of_directory), socket: (socket, of_socket) })
}

/// Opens a directory that is not a symbolic link. A path below `/proc/PID/root` is resolved as that process
/// would: absolute links on the way start at its root, not at ours.
fn open_directory(directory: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if let Some((root, rest, resolve)) = of_another(directory) {
        let through = flags.difference(OFlags::NOFOLLOW);
        let root = rustix::fs::open(root, through, Mode::empty())?;
        if rest.as_os_str().is_empty() {
            return Ok(root);
        }
        return match rustix::fs::openat2(&root, &rest, flags, Mode::empty(), resolve) {
            // Linux before 5.6, or a seccomp filter that does not know openat2.
            Err(Errno::NOSYS | Errno::PERM) => Ok(rustix::fs::openat(&root, &rest, flags, Mode::empty())?),
            opened => Ok(opened?),
        };
    }
    Ok(rustix::fs::open(directory, flags, Mode::empty())?)
}

/// Splits `/proc/PID/root/…` and `/proc/PID/cwd/…`, and the same of a thread: `/proc/PID/task/TID/root/…`.
fn of_another(directory: &Path) -> Option<(PathBuf, PathBuf, ResolveFlags)> {
    let mut components = directory.components();
    let first = [components.next()?, components.next()?];
    if first != [Component::RootDir, Component::Normal("proc".as_ref())] {
        return None;
    }
    let is_number = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.parse::<u32>().is_ok());
    let (pid, mut link) = (components.next()?.as_os_str(), components.next()?.as_os_str());
    let mut process = Path::new("/proc").join(pid);
    if link == "task" {
        let thread = components.next().map(|thread| thread.as_os_str()).filter(|thread| is_number(thread))?;
        process = process.join(link).join(thread);
        link = components.next()?.as_os_str();
    }
    if !is_number(pid) {
        return None;
    }
    let resolve = match link.to_str()? {
        "root" => ResolveFlags::IN_ROOT,
        "cwd" => ResolveFlags::NO_MAGICLINKS,
        _ => return None,
    };
    Some((process.join(link), components.as_path().to_owned(), resolve))
}

fn connect_once(path: &Path, pid: Option<u32>, timeout: Duration) -> Result<Connected, ClientError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => ClientError::NotAllowed { path: path.to_owned(), error },
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ClientError::TimedOut,
        _ => ClientError::ConnectionRefused { address: path.display().to_string(), error },
    };
    let opened = open(path).map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::NOTDIR | Errno::LOOP) => ClientError::Untrusted {
            path: directory_of(path).to_owned(),
            why: "it is a symbolic link or not a directory".to_owned(),
        },
        _ => failed(error),
    })?;
    let ours = rustix::process::geteuid().as_raw();
    let owner = opened.socket.1.st_uid;
    check_files(path, &opened, ours)?;
    let stream = connect_through(&opened.socket.0, timeout).map_err(failed)?;
    let peer = sockopt::socket_peercred(&stream).map_err(|error| failed(error.into()))?;
    let uid = peer.uid.as_raw();
    // The listener must be the owner of the file: when root asks a user's agent, another user must not
    // answer.
    if !is_trusted(uid, ours) || uid != owner && uid != 0 {
        return Err(ClientError::ForeignOwner { path: path.to_owned(), uid });
    }
    // 0 when it is outside the pid namespaces that this process sees.
    let found = u32::try_from(peer.pid.as_raw_pid()).ok().filter(|pid| *pid != 0);
    match pid {
        Some(pid) if pids_are_ours() && found != Some(pid) => {
            Err(ClientError::AnotherListens { path: path.to_owned(), pid, found: found.unwrap_or(0) })
        }
        _ => {
            let pid = found.filter(|_| pids_are_ours());
            let is_own = uid == ours && pid.is_none_or(|pid| has_only_user(pid, ours));
            let speaker = if is_own { Speaker::Own } else { Speaker::Another };
            Ok(Connected { stream, pid, speaker })
        }
    }
}

/// Root may ask any process. Other users may ask a root process only through a socket that root gave away.
fn is_trusted(uid: u32, ours: u32) -> bool {
    uid == ours || uid == 0 || ours == 0
}

/// Checks that the opened file is a socket of a user we may ask, in a directory where no other user could
/// have put it.
fn check_files(path: &Path, opened: &Opened, ours: u32) -> Result<(), ClientError> {
    let (socket, directory) = (&opened.socket.1, &opened.directory.1);
    let place = directory_of(path);
    let untrusted =
        |path: &Path, why: &str| Err(ClientError::Untrusted { path: path.to_owned(), why: why.to_owned() });
    let owner = socket.st_uid;
    match FileType::from_raw_mode(socket.st_mode) {
        FileType::Socket => {}
        FileType::Symlink => return untrusted(path, "it is a symbolic link"),
        _ => return untrusted(path, "it is not a socket"),
    }
    if !is_trusted(owner, ours) {
        return Err(ClientError::ForeignOwner { path: path.to_owned(), uid: owner });
    }
    if ![owner, ours, 0].contains(&directory.st_uid) {
        return Err(ClientError::ForeignOwner { path: place.to_owned(), uid: directory.st_uid });
    }
    // In a sticky directory such as /tmp only we can replace our own files.
    let is_kept = directory.st_mode & 0o1000 != 0 && owner == ours;
    if directory.st_mode & 0o022 != 0 && !is_kept {
        let why = format!("other users can write to it (mode {:o})", directory.st_mode & 0o7777);
        return untrusted(place, &why);
    }
    Ok(())
}

/// Whether the pids that the kernel reports are those of our `/proc`, which may be of another namespace.
fn pids_are_ours() -> bool {
    let own = std::fs::read_link("/proc/self");
    own.is_ok_and(|own| own.to_str() == Some(&std::process::id().to_string()))
}

/// Connects with a deadline: connect(2) blocks while the backlog is full.
fn connect_through(file: &OwnedFd, timeout: Duration) -> io::Result<UnixStream> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // connect(2) of a local socket waits for room in the backlog as long as the send timeout.
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(timeout))?;
    let address = format!("/proc/self/fd/{}", file.as_raw_fd());
    match rustix::net::connect(&socket, &SocketAddrUnix::new(&address)?) {
        Err(Errno::NOENT) if !Path::new("/proc/self/fd").exists() => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, "this needs /proc, which is not mounted"))
        }
        result => Ok(result.map(|()| UnixStream::from(socket))?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_through_other_processes_are_split() {
        let split = |path: &str| {
            of_another(Path::new(path))
                .map(|(root, rest, _)| (root.display().to_string(), rest.display().to_string()))
        };
        let pair = |root: &str, rest: &str| Some((root.to_owned(), rest.to_owned()));
        assert_eq!(split("/proc/7/root/tmp/rgops-0"), pair("/proc/7/root", "tmp/rgops-0"));
        assert_eq!(split("/proc/7/task/9/root/tmp/a"), pair("/proc/7/task/9/root", "tmp/a"));
        assert_eq!(split("/proc/7/cwd/a/../b"), pair("/proc/7/cwd", "a/../b"));
        assert_eq!(split("/proc/7/root"), pair("/proc/7/root", ""));
        for other in ["/proc/self/fd/3", "/proc/7/fd/3", "/tmp/proc/7/root", "/proc", "proc/7/root/x"] {
            assert_eq!(split(other), None, "{other}");
        }
    }
}
