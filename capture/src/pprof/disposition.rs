//! The program's SIGPROF disposition and ITIMER_PROF, and the crate's handler.

use std::io;

/// A disposition of SIGPROF.
pub(super) struct Disposition(libc::sigaction);

unsafe extern "C" {
    /// The crate's handler: `#[no_mangle]` in `pprof/src/profiler.rs`.
    fn perf_signal_handler(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void);
}

/// The address of the crate's handler.
pub(super) fn handler() -> u64 {
    perf_signal_handler as *const () as u64
}

impl Disposition {
    pub(super) fn current() -> io::Result<Disposition> {
        // SAFETY: `sigaction` is plain data (a nullable function pointer as usize), valid when zeroed.
        let mut current: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: a null `new` sets nothing; the disposition is written into `current`, a local.
        match unsafe { libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut current) } {
            0 => Ok(Disposition(current)),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Whether it is a function, not SIG_DFL or SIG_IGN.
    pub(super) fn is_a_handler(&self) -> bool {
        ![libc::SIG_DFL, libc::SIG_IGN].contains(&self.0.sa_sigaction)
    }

    pub(super) fn is_the_crates(&self) -> bool {
        self.0.sa_sigaction as u64 == handler()
    }

    /// Sets this disposition again.
    pub(super) fn restore(&self) {
        // SAFETY: sigaction(2) returned this disposition, so it is valid to set. A handler of the program is
        // as callable as when the program set it. The null pointer requests no old disposition.
        unsafe {
            libc::sigaction(libc::SIGPROF, &self.0, std::ptr::null_mut());
        }
    }
}

/// Whether ITIMER_PROF runs: it is the program's, because ours has not started yet.
pub(super) fn is_timer_set() -> io::Result<bool> {
    // SAFETY: `itimerval` is plain data, valid when zeroed.
    let mut timer: libc::itimerval = unsafe { std::mem::zeroed() };
    // SAFETY: getitimer(2) writes into `timer`, a local.
    match unsafe { libc::getitimer(libc::ITIMER_PROF, &mut timer) } {
        0 => Ok(timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0),
        _ => Err(io::Error::last_os_error()),
    }
}
