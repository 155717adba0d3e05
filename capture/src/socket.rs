//! System calls for local sockets and their directory that std does not provide.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The length of the queue of connections to accept; the same as std's.
const BACKLOG: libc::c_int = 128;

/// A non-blocking local socket, not bound to an address.
pub fn unbound() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: socket(2) takes integers.
    match unsafe { libc::socket(libc::AF_UNIX, kind, 0) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: it was just opened, and no other code has it.
        number => Ok(unsafe { OwnedFd::from_raw_fd(number) }),
    }
}

/// bind(2): creates the file `path`.
pub fn bind(socket: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let (address, length) = address(path)?;
    // SAFETY: bind(2) reads `length` bytes of the address, which is initialised and at least that long. The
    // descriptor is open while it is borrowed.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// listen(2): accepts connections from now on.
pub fn listen(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: listen(2) takes integers; the descriptor is open while it is borrowed.
    match unsafe { libc::listen(socket.as_raw_fd(), BACKLOG) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Connects without blocking; fails when no process listens there or the queue of connections is full.
pub fn connect_now(path: &Path) -> io::Result<UnixStream> {
    let socket = unbound()?;
    let (address, length) = address(path)?;
    // SAFETY: connect(2) reads `length` bytes of the address, which is initialised and at least that long.
    let result = unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if result == 0 { Ok(UnixStream::from(socket)) } else { Err(io::Error::last_os_error()) }
}

/// Accepts the next connection of a non-blocking listening socket. The connection is non-blocking too.
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let null = std::ptr::null_mut();
    // SAFETY: accept4(2) accepts null pointers for the address; the descriptor is open while it is borrowed.
    let accepted = unsafe {
        libc::accept4(
            listener.as_raw_fd(),
            null,
            std::ptr::null_mut(),
            libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
        )
    };
    match accepted {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: it was just opened, and no other code has it.
        number => Ok(unsafe { OwnedFd::from_raw_fd(number) }),
    }
}

/// Releases the lock taken by [`try_lock`].
pub fn unlock(file: BorrowedFd<'_>) {
    // SAFETY: flock(2) takes integers; the descriptor is open while it is borrowed.
    unsafe {
        libc::flock(file.as_raw_fd(), libc::LOCK_UN);
    }
}

/// Takes the exclusive lock of an open file or directory (flock(2)), unless another process holds one.
pub fn try_lock(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: flock(2) takes integers; the descriptor is open while it is borrowed.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A descriptor that becomes readable when the file `path` may have lost or changed its name: when its links,
/// permissions or location change (inotify(7)). Connecting to a socket causes no such event.
pub fn watch_name(path: &Path) -> io::Result<OwnedFd> {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: inotify_init1(2) takes flags.
    let number = unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) };
    if number == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just opened, and no other code has it.
    let watch = unsafe { OwnedFd::from_raw_fd(number) };
    let events = libc::IN_ATTRIB | libc::IN_DELETE_SELF | libc::IN_MOVE_SELF | libc::IN_DONT_FOLLOW;
    // SAFETY: inotify_add_watch(2) reads a valid C string.
    match unsafe { libc::inotify_add_watch(watch.as_raw_fd(), path.as_ptr(), events) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(watch),
    }
}

/// The address of a path with its terminating zero, and the address' length.
fn address(path: &Path) -> io::Result<(libc::sockaddr_un, libc::socklen_t)> {
    // SAFETY: `sockaddr_un` is plain data, valid when zeroed.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let path = path.as_os_str().as_bytes();
    if path.is_empty() || path.len() >= address.sun_path.len() || path.contains(&0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path is not a valid local socket address",
        ));
    }
    for (place, byte) in address.sun_path.iter_mut().zip(path) {
        *place = *byte as libc::c_char;
    }
    let length = std::mem::offset_of!(libc::sockaddr_un, sun_path) + path.len() + 1;
    Ok((address, length as libc::socklen_t))
}
