//! SIGPROF, which the measuring thread sends to itself.

use std::io;
use std::time::Duration;

use crate::work;

/// The start of `siginfo_t` for a timer's signal on 64-bit Linux (sigaction(2)).
#[repr(C)]
struct OfTimer {
    signal: i32,
    errno: i32,
    code: i32,
    padding: i32,
    timer: i32,
    overrun: i32,
    value: u64,
}

/// CPU time of the calling thread in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    cpu_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of the process in nanoseconds.
pub fn process_cpu_ns() -> u64 {
    cpu_ns(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// CPU time of thread `tid` of this process in nanoseconds, by the clock that pthread_getcpuclockid(3) would name.
pub fn cpu_ns_of(tid: u32) -> u64 {
    cpu_ns(((!tid << 3) | 6) as libc::clockid_t)
}

fn cpu_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid `timespec`, and clock_gettime(2) writes nothing else.
    let read = unsafe { libc::clock_gettime(clock, &mut time) };
    assert_eq!(read, 0, "the kernel has CPU clocks");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

pub fn own_tid() -> u32 {
    // SAFETY: gettid(2) has no arguments and cannot fail.
    unsafe { libc::syscall(libc::SYS_gettid) as u32 }
}

/// Installs a handler that does nothing, with the flags that all engines use.
pub fn install_empty_handler() -> io::Result<()> {
    extern "C" fn nothing(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}
    // SAFETY: `sigaction` is plain data, valid when zeroed.
    let mut disposition: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = nothing;
    disposition.sa_sigaction = handler as usize;
    disposition.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: the disposition is valid, and its handler has the type that SA_SIGINFO requires.
    match unsafe { libc::sigaction(libc::SIGPROF, &disposition, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A SIGPROF for the calling thread.
pub struct Raiser {
    information: libc::siginfo_t,
    process: u32,
    tid: u32,
}

impl Raiser {
    /// `mark` is the signal's value.
    pub fn new(mark: u64) -> Raiser {
        let (process, tid) = (std::process::id(), own_tid());
        let of_timer = OfTimer {
            signal: libc::SIGPROF,
            errno: 0,
            // The same code as the signals of the engine's own timers: a process may send it to itself.
            code: libc::SI_TIMER,
            padding: 0,
            timer: 0,
            overrun: 0,
            value: mark,
        };
        // SAFETY: `siginfo_t` is plain data, valid when zeroed, and longer than `OfTimer`.
        let mut information: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: `OfTimer` is a prefix of `siginfo_t`, so there is room for it and the alignment is right.
        unsafe { (&raw mut information).cast::<OfTimer>().write(of_timer) };
        Raiser { information, process, tid }
    }

    /// The handler has run when this returns: a signal to the own thread is delivered before the system call returns.
    pub fn raise(&self) {
        // SAFETY: rt_tgsigqueueinfo(2) only reads the `siginfo_t`, which is valid.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_rt_tgsigqueueinfo,
                self.process,
                self.tid,
                libc::SIGPROF,
                &raw const self.information,
            )
        };
        assert_eq!(sent, 0, "signals to oneself can be queued");
    }
}

/// The value that marks the signals of the running profile for the calling thread.
///
/// rgops' handler forwards signals that are not its own, so a signal raised by hand must have its mark. The mark is
/// read from a signal of the timer for this thread, which is blocked for a moment and taken with sigtimedwait(2).
pub fn learn() -> io::Result<u64> {
    // SAFETY: `sigset_t` is plain data, valid when zeroed; sigaddset(3) writes it.
    let set = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&mut set, libc::SIGPROF);
        set
    };
    for _ in 0..50 {
        // The signal must be unblocked long enough for the agent to find this thread and arm its timer.
        std::thread::sleep(Duration::from_millis(60));
        // SAFETY: all calls only read the set; sigtimedwait(2) writes the `siginfo_t`. `OfTimer` is a prefix of it
        // and plain data, so reading it is valid whatever the code is; its values are used only if the code is
        // SI_TIMER.
        let (signal, of_timer) = unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
            work::burn_ns(25_000_000);
            let mut information: libc::siginfo_t = std::mem::zeroed();
            let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            let signal = libc::sigtimedwait(&set, &mut information, &now);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, std::ptr::null_mut());
            (signal, (&raw const information).cast::<OfTimer>().read())
        };
        if signal == libc::SIGPROF && of_timer.code == libc::SI_TIMER {
            return Ok(of_timer.value);
        }
    }
    Err(io::Error::other("no signal of a timer came"))
}
