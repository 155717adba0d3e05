//! The few calls into the system that std has no safe name for.

use std::ffi::CString;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The effective user id of this process.
pub(crate) fn effective_uid() -> u32 {
    // SAFETY: geteuid(2) takes no argument, cannot fail and touches no memory.
    unsafe { libc::geteuid() }
}

/// Whether getrandom(2) is there.
pub(crate) fn random_bytes_are_there() -> std::io::Result<()> {
    let mut bytes = [0_u8; 16];
    // SAFETY: getrandom(2) writes at most so many bytes into the array.
    let got =
        unsafe { libc::syscall(libc::SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), 0 as libc::c_uint) };
    if got == -1 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

/// The effective user id of the process at the other end of a local socket, when it connected.
///
/// A peer outside our pid namespace has pid 0 here (`pid_vnr`, net/core/sock.c), and its user is still
/// true: interprocess' `peer_creds` takes that pid for an error, so it is not used. Without
/// credentials the kernel says uid -1, which is nobody's.
#[cfg(target_os = "linux")]
pub(crate) fn peer_uid(socket: BorrowedFd<'_>) -> std::io::Result<u32> {
    let mut peer = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: getsockopt(2) writes at most `length` bytes to `peer`, both live through the call, and
    // any bytes are a valid `ucred`; the descriptor is open as long as `socket` borrows it.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &mut length,
        )
    };
    match (result, peer.uid) {
        (0, u32::MAX) => Err(std::io::Error::other("the socket has no peer")),
        (0, uid) => Ok(uid),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// The signal mask a thread had before [`block_all_signals`]; put back when dropped.
pub(crate) struct SignalMask(libc::sigset_t);

/// Blocks every signal in the calling thread until the returned value is dropped. A thread started
/// meanwhile inherits the full mask: so the program's signals are never handled on the agent's.
pub(crate) fn block_all_signals() -> SignalMask {
    // SAFETY: `sigset_t` is a plain bit set, valid when zeroed; sigfillset(3) and
    // pthread_sigmask(3) write only into the two sets, which live on this stack.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        SignalMask(before)
    }
}

impl Drop for SignalMask {
    fn drop(&mut self) {
        // SAFETY: the set was filled by pthread_sigmask(3); no old set is asked for.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut());
        }
    }
}

/// A socket file to be removed when the process exits.
struct ExitRemoval {
    path: CString,
    device: u64,
    inode: u64,
    process: u32,
}

/// What the exit handler removes; null for nothing. A value stored here is never freed, because
/// the handler may be reading it in another thread.
static AT_EXIT: AtomicPtr<ExitRemoval> = AtomicPtr::new(std::ptr::null_mut());

/// Removes the socket `path` when the process exits, if it is then still the file with this device
/// and inode and the process still the one that asked (a fork child leaves it alone).
/// Replaces what was to be removed before. Leaks a few bytes a call. `None` when the path cannot be
/// one of a C library.
pub(crate) fn remove_at_exit(path: &Path, device: u64, inode: u64) -> Option<AtExit> {
    static REGISTERED: Once = Once::new();
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let removal = ExitRemoval { path, device, inode, process: std::process::id() };
    let removal = Box::into_raw(Box::new(removal));
    AT_EXIT.store(removal, Ordering::Release);
    REGISTERED.call_once(|| {
        // SAFETY: `remove_now` is an `extern "C"` function without arguments that never unwinds.
        // atexit(3) of a shared object is bound to that object, so the code cannot be unloaded first.
        unsafe {
            libc::atexit(remove_now);
        }
    });
    Some(AtExit(removal as usize))
}

/// A registered removal.
#[derive(Debug)]
pub(crate) struct AtExit(usize);

impl AtExit {
    /// It is not removed at exit any more. A later registration stays.
    pub(crate) fn forget(self) {
        let ours = self.0 as *mut ExitRemoval;
        let null = std::ptr::null_mut();
        // An error: another one has taken its place.
        let _ = AT_EXIT.compare_exchange(ours, null, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// Whether standard error takes bytes within `deadline`. A descriptor that is closed, or a pipe without
/// a reader, is an error.
#[cfg(target_os = "linux")]
pub(crate) fn stderr_has_room(deadline: std::time::Duration) -> std::io::Result<bool> {
    let mut asked = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    let milliseconds = libc::c_int::try_from(deadline.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: poll(2) reads and writes the one `pollfd`, which lives through the call; any number is a
    // valid descriptor to ask for.
    let ready = unsafe { libc::poll(&mut asked, 1, milliseconds) };
    match ready {
        // EINTR cannot be: all signals are blocked there. If it is, the next text is tried.
        ..=-1 => Err(std::io::Error::last_os_error()),
        0 => Ok(false),
        _ if asked.revents & libc::POLLNVAL != 0 => Err(std::io::Error::from_raw_os_error(libc::EBADF)),
        // The write says which error it is (POLLERR: a pipe without a reader).
        _ => Ok(true),
    }
}

/// write(2) to standard error, past the lock of `std::io::stderr`, which the program may hold.
#[cfg(target_os = "linux")]
pub(crate) fn write_stderr(bytes: &[u8]) -> std::io::Result<usize> {
    // SAFETY: write(2) reads at most `bytes.len()` bytes from `bytes`, which is borrowed through the call.
    let written = unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(written).map_err(|_| std::io::Error::last_os_error())
}

extern "C" fn remove_now() {
    let removal = AT_EXIT.swap(std::ptr::null_mut(), Ordering::AcqRel);
    if removal.is_null() {
        return;
    }
    // SAFETY: a non-null value came from `Box::into_raw` and is never freed.
    let removal = unsafe { &*removal };
    if removal.process != std::process::id() {
        return;
    }
    // SAFETY: the path is a C string that lives for ever; lstat(2) writes into a zeroed `stat` on
    // this stack, for which all zeroes is a valid value; unlink(2) reads the path only.
    unsafe {
        let mut status: libc::stat = std::mem::zeroed();
        if libc::lstat(removal.path.as_ptr(), &mut status) == 0
            && status.st_dev == removal.device
            && status.st_ino == removal.inode
        {
            libc::unlink(removal.path.as_ptr());
        }
    }
}
