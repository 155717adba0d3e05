//! The few calls into the system that std has no safe name for.

use std::ffi::CString;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// The effective user id of this process.
pub fn effective_uid() -> u32 {
    // SAFETY: geteuid(2) takes no argument, cannot fail and touches no memory.
    unsafe { libc::geteuid() }
}

/// CPUs threads of this process may be on at the same time.
#[cfg(native_engine)]
pub(crate) fn cpus() -> usize {
    // SAFETY: sysconf(3) takes any number and touches no memory of ours.
    let processors = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    processors.max(1) as usize
}

/// Whether getrandom(2) is there.
pub fn random_bytes_are_there() -> std::io::Result<()> {
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
pub fn peer_uid(socket: BorrowedFd<'_>) -> std::io::Result<u32> {
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
pub struct SignalMask(libc::sigset_t);

/// Blocks every signal in the calling thread until the returned value is dropped. A thread started
/// meanwhile inherits the full mask: so the program's signals are never handled on the agent's.
pub fn block_all_signals() -> SignalMask {
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

/// The stack a thread is to be started with, so that `needed` bytes are left for its work: the C library takes
/// what it needs of a thread, the program's static thread-locals above all, out of the same stack.
///
/// The first call takes a lock of the loader, so a thread of the program must make it (`listen` does).
pub fn stack_bytes(needed: usize) -> usize {
    /// 0 before it is known.
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let taken = match TAKEN.load(Ordering::Relaxed) {
        0 => {
            let taken = taken_of_stacks().max(1);
            TAKEN.store(taken, Ordering::Relaxed);
            taken
        }
        taken => taken,
    };
    needed.saturating_add(taken)
}

/// glibc says it by a function that it keeps to itself (std asks it, too); where that is missing, as in a
/// statically linked program, the loaded objects' thread-locals are added up. They lie in the stack's upper end.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn taken_of_stacks() -> usize {
    /// Of nptl/allocatestack.c: the thread's structure, what objects loaded later may take (rtld.optional_static_tls
    /// and rtld.nns make it larger), and a page for the guard of old versions.
    const REST: usize = 64 * 1024;

    type LeastStack = unsafe extern "C" fn(*const libc::pthread_attr_t) -> usize;

    // SAFETY: dlsym(3) reads the C string and gives the address of the function, or null.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__pthread_get_minstack".as_ptr()) };
    if found.is_null() {
        return static_thread_locals().saturating_add(REST);
    }
    // SAFETY: a function of glibc's that has had this type since 2.15.
    let least = unsafe { std::mem::transmute::<*mut libc::c_void, LeastStack>(found) };
    // SAFETY: plain data, valid when zeroed.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    // SAFETY: the attributes are ours, and initialised before they are looked at.
    unsafe {
        libc::pthread_attr_init(&mut attributes);
        let taken = least(&attributes);
        libc::pthread_attr_destroy(&mut attributes);
        taken
    }
}

/// Others put them elsewhere, or on top of the stack that is asked for (musl: src/thread/pthread_create.c).
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn taken_of_stacks() -> usize {
    0
}

/// Bytes of thread-locals of all loaded objects, with what their alignment can take.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn static_thread_locals() -> usize {
    unsafe extern "C" fn add(
        object: *mut libc::dl_phdr_info,
        _: libc::size_t,
        sum: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: dl_iterate_phdr(3) gives a valid structure, of which the first four fields are always there,
        // and the pointer we gave it, to a number that nobody else uses.
        let (object, sum) = unsafe { (&*object, &mut *sum.cast::<usize>()) };
        // SAFETY: the loader's own program headers of a loaded object, an array of this length, which stays
        // while this is called.
        let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()) };
        for header in headers.iter().filter(|header| header.p_type == libc::PT_TLS) {
            *sum = sum.saturating_add((header.p_memsz as usize).saturating_add(header.p_align as usize));
        }
        0
    }

    let mut sum = 0_usize;
    // SAFETY: `add` is called before this returns, with the pointer to `sum`, and never unwinds.
    unsafe { libc::dl_iterate_phdr(Some(add), (&raw mut sum).cast()) };
    sum
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
pub fn remove_at_exit(path: &Path, device: u64, inode: u64) -> Option<AtExit> {
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
pub struct AtExit(usize);

impl AtExit {
    /// It is not removed at exit any more. A later registration stays.
    pub fn forget(self) {
        let ours = self.0 as *mut ExitRemoval;
        let null = std::ptr::null_mut();
        // An error: another one has taken its place.
        let _ = AT_EXIT.compare_exchange(ours, null, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// Whether standard error takes bytes within `deadline`. A descriptor that is closed, or a pipe without
/// a reader, is an error.
#[cfg(target_os = "linux")]
pub fn stderr_has_room(deadline: std::time::Duration) -> std::io::Result<bool> {
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
pub fn write_stderr(bytes: &[u8]) -> std::io::Result<usize> {
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

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// Bytes of the calling thread's stack below a frame of it.
    fn room() -> usize {
        let here = 0_u8;
        // SAFETY: plain data, valid when zeroed.
        let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
        let (mut low, mut size) = (std::ptr::null_mut(), 0);
        // SAFETY: all are places of ours; the attributes are initialised by the first call.
        unsafe {
            assert_eq!(libc::pthread_getattr_np(libc::pthread_self(), &mut attributes), 0);
            assert_eq!(libc::pthread_attr_getstack(&attributes, &mut low, &mut size), 0);
            libc::pthread_attr_destroy(&mut attributes);
        }
        std::ptr::from_ref(&here) as usize - low.addr()
    }

    #[test]
    fn a_thread_has_the_room_it_needs_beside_what_the_c_library_takes() {
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
        assert!(taken_of_stacks() > static_thread_locals(), "glibc counts them, too");
    }
}
