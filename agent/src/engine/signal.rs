//! SIGPROF: its handler while an operation runs, whose it was before, and how it is given back.

use std::io;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use super::arch::Registers;
use super::{EngineError, session};

/// The disposition before ours, for signals that are not ours; written before ours is installed.
static FORMER_HANDLER: AtomicUsize = AtomicUsize::new(libc::SIG_DFL);
static FORMER_FLAGS: AtomicI32 = AtomicI32::new(0);

/// The start of `siginfo_t` for SI_TIMER and SI_QUEUE on 64-bit Linux (sigaction(2)).
#[repr(C)]
struct Info {
    signal: i32,
    errno: i32,
    code: i32,
    padding: i32,
    /// Timer id, or the sender's pid.
    from: i32,
    /// Timer overruns, or the sender's uid.
    overrun: i32,
    value: u64,
}

/// A signal that may be ours: from a timer, or queued by a dump.
#[derive(Clone, Copy)]
pub(super) struct Tick {
    value: u64,
    /// 1 and the overruns.
    pub(super) weight: u32,
}

impl Tick {
    pub(super) fn magic(self) -> u32 {
        (self.value >> 32) as u32
    }

    pub(super) fn tid(self) -> u32 {
        self.value as u32
    }
}

extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: errno's address is valid in every thread and needs no initialisation.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: the kernel passes a `siginfo_t`, of which `Info` is the start on 64-bit Linux.
    let read = unsafe { &*info.cast::<Info>() };
    let tick = match read.code {
        libc::SI_TIMER => Some(Tick { value: read.value, weight: 1 + read.overrun.max(0) as u32 }),
        libc::SI_QUEUE => Some(Tick { value: read.value, weight: 1 }),
        _ => None,
    };
    // SAFETY: this is an SA_SIGINFO handler and `context` its third argument.
    if !session::handle(tick, || unsafe { Registers::of_context(context) }) {
        pass_on(signal, info, context);
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// Calls the handler that was there before ours; a default or ignored disposition does nothing.
fn pass_on(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let former = FORMER_HANDLER.load(Ordering::SeqCst);
    if former == libc::SIG_DFL || former == libc::SIG_IGN {
        return;
    }
    if FORMER_FLAGS.load(Ordering::SeqCst) & libc::SA_SIGINFO != 0 {
        // SAFETY: sigaction(2) had it registered as an SA_SIGINFO handler of this type.
        let former: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) =
            unsafe { std::mem::transmute(former) };
        former(signal, info, context);
    } else {
        // SAFETY: sigaction(2) had it registered as a plain handler of this type.
        let former: extern "C" fn(i32) = unsafe { std::mem::transmute(former) };
        former(signal);
    }
}

fn our_handler() -> usize {
    handler as *const () as usize
}

/// Our handler is installed; `former` is what to put back.
pub(super) struct Installed {
    former: libc::sigaction,
}

impl Installed {
    pub(super) fn install() -> Result<Installed, EngineError> {
        let mut former = exchange(None).map_err(EngineError::Handler)?;
        if former.sa_sigaction == our_handler() {
            // Left behind under a foreign handler that has gone since. Its own former one is known.
            former.sa_sigaction = FORMER_HANDLER.load(Ordering::SeqCst);
            former.sa_flags = FORMER_FLAGS.load(Ordering::SeqCst);
        } else {
            FORMER_HANDLER.store(former.sa_sigaction, Ordering::SeqCst);
            FORMER_FLAGS.store(former.sa_flags, Ordering::SeqCst);
        }
        let ours = libc::sigaction {
            sa_sigaction: our_handler(),
            // SA_RESTART: as transparent as a signal can be. Not SA_ONSTACK: std gives its threads an
            // alternate stack of 8 KiB for its overflow handler, and a handler we pass on to may
            // not expect to run there.
            sa_flags: libc::SA_SIGINFO | libc::SA_RESTART,
            ..former
        };
        exchange(Some(&ours)).map_err(EngineError::Handler)?;
        Ok(Installed { former })
    }

    /// Puts the former disposition back. `false` when a handler was installed over ours meanwhile:
    /// it stays, and may go on calling ours, which then does nothing.
    pub(super) fn give_back(self) -> bool {
        if !exchange(None).is_ok_and(|current| current.sa_sigaction == our_handler()) {
            return false;
        }
        // Setting SIG_IGN discards every SIGPROF that is pending, in every thread (POSIX.1-2017,
        // 2.4.3). Without it a late one of ours could meet SIG_DFL and end the program.
        let ignore = libc::sigaction { sa_sigaction: libc::SIG_IGN, sa_flags: 0, ..self.former };
        // Neither call fails with a valid signal and valid pointers.
        let _ = exchange(Some(&ignore));
        let _ = exchange(Some(&self.former));
        true
    }
}

/// sigaction(2) for SIGPROF: sets `new` if given, returns what was there.
fn exchange(new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    // SAFETY: `sigaction` is plain data (a nullable function pointer as usize), valid when zeroed.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `new` is null or a valid disposition, `old` is ours to be written to.
    match unsafe { libc::sigaction(libc::SIGPROF, new, &mut old) } {
        0 => Ok(old),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Queues our signal for one thread (rt_tgsigqueueinfo(2)); an error when it has ended.
pub(super) fn send(tid: u32, value: u64) -> io::Result<()> {
    let process = std::process::id();
    let info = Info {
        signal: libc::SIGPROF,
        errno: 0,
        code: libc::SI_QUEUE,
        padding: 0,
        from: process as i32,
        overrun: 0,
        value,
    };
    // SAFETY: `siginfo_t` is plain data, valid when zeroed, and longer than `Info`.
    let mut full: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `Info` is the start of `siginfo_t` (above), which has room and alignment for it; the
    // system call reads it.
    let sent = unsafe {
        (&raw mut full).cast::<Info>().write(info);
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, tid, libc::SIGPROF, &raw const full)
    };
    if sent == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
