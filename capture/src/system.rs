//! System calls and C library functions without a safe equivalent in std.

use std::ffi::CString;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// The effective user id of this process.
pub fn effective_uid() -> u32 {
    // SAFETY: geteuid(2) takes no arguments, cannot fail and accesses no memory.
    unsafe { libc::geteuid() }
}

/// The number of CPUs that threads of this process can use at the same time.
#[cfg(native_engine)]
pub(crate) fn cpus() -> usize {
    // SAFETY: sysconf(3) accepts any number and accesses no memory of ours.
    let processors = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    processors.max(1) as usize
}

/// Checks that getrandom(2) is available.
pub fn random_bytes_are_there() -> std::io::Result<()> {
    let mut bytes = [0_u8; 16];
    // SAFETY: getrandom(2) writes at most `bytes.len()` bytes into the array.
    let got =
        unsafe { libc::syscall(libc::SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), 0 as libc::c_uint) };
    if got == -1 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

/// The effective user id of a local socket's peer at the time it connected.
///
/// A peer outside our pid namespace has pid 0 here (`pid_vnr`, net/core/sock.c), but its uid is still
/// correct. interprocess' `peer_creds` treats that pid as an error, so it is not used. Without
/// credentials the kernel returns uid -1, which belongs to no user.
#[cfg(target_os = "linux")]
pub fn peer_uid(socket: BorrowedFd<'_>) -> std::io::Result<u32> {
    let mut peer = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: getsockopt(2) writes at most `length` bytes to `peer`; both are locals, and
    // any bytes are a valid `ucred`. The descriptor is open while `socket` borrows it.
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

/// The signal mask of a thread before [`block_all_signals`]; restored when dropped.
pub struct SignalMask(libc::sigset_t);

/// Blocks every signal in the calling thread until the returned value is dropped. A thread started
/// meanwhile inherits the mask, so the program's handlers never run on the agent's threads.
pub fn block_all_signals() -> SignalMask {
    // SAFETY: `sigset_t` is a plain bit set, valid when zeroed; sigfillset(3) and
    // pthread_sigmask(3) only write into the two sets, which are locals.
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
        // SAFETY: pthread_sigmask(3) filled the set; the null pointer requests no old set.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut());
        }
    }
}

/// The stack size to start a thread with, so that `needed` bytes remain for its work. The C library takes
/// memory from the same stack, mainly for the program's static thread-locals.
///
/// The first call takes a lock of the loader, so a thread of the program must make it (`listen` does).
pub fn stack_bytes(needed: usize) -> usize {
    /// 0 until it is known.
    static OVERHEAD: AtomicUsize = AtomicUsize::new(0);
    let overhead = match OVERHEAD.load(Ordering::Relaxed) {
        0 => {
            let overhead = stack_overhead().max(1);
            OVERHEAD.store(overhead, Ordering::Relaxed);
            overhead
        }
        overhead => overhead,
    };
    needed.saturating_add(overhead)
}

/// glibc has an internal function for it, which std also calls. If that is missing, as in a
/// statically linked program, the loaded objects' thread-locals are summed up; they are at the stack's upper end.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn stack_overhead() -> usize {
    /// From nptl/allocatestack.c: the thread descriptor, the surplus for objects loaded later (rtld.optional_static_tls
    /// and rtld.nns increase it), and one page for the guard in old versions.
    const REST: usize = 64 * 1024;

    type LeastStack = unsafe extern "C" fn(*const libc::pthread_attr_t) -> usize;

    // SAFETY: dlsym(3) reads a valid C string and returns the function's address, or null.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__pthread_get_minstack".as_ptr()) };
    if found.is_null() {
        return static_thread_locals().saturating_add(REST);
    }
    // SAFETY: this glibc function has had this signature since 2.15.
    let least = unsafe { std::mem::transmute::<*mut libc::c_void, LeastStack>(found) };
    // SAFETY: plain data, valid when zeroed.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    // SAFETY: the attributes are a local, and pthread_attr_init(3) initialises them before they are read.
    unsafe {
        libc::pthread_attr_init(&mut attributes);
        let overhead = least(&attributes);
        libc::pthread_attr_destroy(&mut attributes);
        overhead
    }
}

/// Other C libraries allocate them elsewhere, or in addition to the requested stack (musl: src/thread/pthread_create.c).
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn stack_overhead() -> usize {
    0
}

/// The size of the thread-locals of all loaded objects in bytes, with an allowance for alignment.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn static_thread_locals() -> usize {
    unsafe extern "C" fn add(
        object: *mut libc::dl_phdr_info,
        _: libc::size_t,
        sum: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: dl_iterate_phdr(3) passes a valid structure, whose first four fields always exist,
        // and the pointer given to it, which points to a number that no other code uses.
        let (object, sum) = unsafe { (&*object, &mut *sum.cast::<usize>()) };
        // SAFETY: these are the loader's program headers of a loaded object: an array of this length, which stays
        // valid during this call.
        let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()) };
        for header in headers.iter().filter(|header| header.p_type == libc::PT_TLS) {
            *sum = sum.saturating_add((header.p_memsz as usize).saturating_add(header.p_align as usize));
        }
        0
    }

    let mut sum = 0_usize;
    // SAFETY: `add` is only called before this returns, with the pointer to `sum`, and does not unwind.
    unsafe { libc::dl_iterate_phdr(Some(add), (&raw mut sum).cast()) };
    sum
}

/// A socket file to remove when the process exits.
struct ExitRemoval {
    path: CString,
    device: u64,
    inode: u64,
    process: u32,
}

/// The file that the exit handler removes; null for none. A value stored here is never freed, because
/// the handler may be reading it in another thread.
static AT_EXIT: AtomicPtr<ExitRemoval> = AtomicPtr::new(std::ptr::null_mut());

/// Removes the socket `path` when the process exits, if it is still the file with this device
/// and inode, and the process is the one that called this (a fork child does not remove it).
/// Replaces an earlier registration. Leaks a few bytes per call. `None` when the path contains
/// a zero byte.
pub fn remove_at_exit(path: &Path, device: u64, inode: u64) -> Option<AtExit> {
    static REGISTERED: Once = Once::new();
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let removal = ExitRemoval { path, device, inode, process: std::process::id() };
    let removal = Box::into_raw(Box::new(removal));
    AT_EXIT.store(removal, Ordering::Release);
    REGISTERED.call_once(|| {
        // SAFETY: `remove_now` is an `extern "C"` function without arguments that does not unwind.
        // atexit(3) in a shared object is bound to that object, so its code is not unloaded before the handler runs.
        unsafe {
            libc::atexit(remove_now);
        }
    });
    Some(AtExit(removal as usize))
}

/// A registered removal.
#[derive(Debug)]
pub struct AtExit(usize);

impl AtExit {
    /// Cancels the removal. A later registration stays.
    pub fn forget(self) {
        let ours = self.0 as *mut ExitRemoval;
        let null = std::ptr::null_mut();
        // On an error, a later registration has replaced this one.
        let _ = AT_EXIT.compare_exchange(ours, null, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// Waits until standard error accepts data, for at most `deadline`. A closed descriptor
/// is an error.
#[cfg(target_os = "linux")]
pub fn stderr_has_room(deadline: std::time::Duration) -> std::io::Result<bool> {
    let mut stderr = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    let milliseconds = libc::c_int::try_from(deadline.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: poll(2) reads and writes one `pollfd`, a local; any number is a
    // valid descriptor to poll.
    let ready = unsafe { libc::poll(&mut stderr, 1, milliseconds) };
    match ready {
        // EINTR should not happen, because all signals are blocked. If it does, the next text is tried.
        ..=-1 => Err(std::io::Error::last_os_error()),
        0 => Ok(false),
        _ if stderr.revents & libc::POLLNVAL != 0 => Err(std::io::Error::from_raw_os_error(libc::EBADF)),
        // The write reports the error (POLLERR: a pipe without a reader).
        _ => Ok(true),
    }
}

/// write(2) to standard error, without the lock of `std::io::stderr`, which the program may hold.
#[cfg(target_os = "linux")]
pub fn write_stderr(bytes: &[u8]) -> std::io::Result<usize> {
    // SAFETY: write(2) reads at most `bytes.len()` bytes from `bytes`, which is borrowed during the call.
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
    // SAFETY: the path is a C string that is never freed; lstat(2) writes into a zeroed `stat`, a local
    // for which all zeroes are valid; unlink(2) only reads the path.
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

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// The bytes of the calling thread's stack below the current frame.
    fn room() -> usize {
        let here = 0_u8;
        // SAFETY: plain data, valid when zeroed.
        let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
        let (mut low, mut size) = (std::ptr::null_mut(), 0);
        // SAFETY: all pointers are to locals; the first call initialises the attributes.
        unsafe {
            assert_eq!(libc::pthread_getattr_np(libc::pthread_self(), &mut attributes), 0);
            assert_eq!(libc::pthread_attr_getstack(&attributes, &mut low, &mut size), 0);
            libc::pthread_attr_destroy(&mut attributes);
        }
        std::ptr::from_ref(&here) as usize - low.addr()
    }

    #[test]
    fn a_thread_has_the_room_it_needs_besides_what_the_c_library_takes() {
        for needed in [1, 16, 128, 512].map(|kib| kib * 1024) {
            let thread = std::thread::Builder::new().stack_size(stack_bytes(needed));
            let room = thread.spawn(room).unwrap().join().unwrap();
            assert!(room >= needed, "{room} bytes, {needed} were requested");
        }
    }

    #[test]
    fn all_static_thread_locals_are_counted() {
        thread_local! {
            static PLANTED: std::cell::Cell<[u64; 64]> = const { std::cell::Cell::new([1; 64]) };
        }
        assert_eq!(PLANTED.get()[63], 1);
        assert!(static_thread_locals() >= 512);
        assert!(stack_overhead() > static_thread_locals(), "glibc counts them, too");
    }
}
