//! SIGPROF and ITIMER_PROF as the program has them, and the crate's handler.

use std::io;

/// What happens on SIGPROF.
pub(super) struct Disposition(libc::sigaction);

unsafe extern "C" {
    /// The crate's handler: `#[no_mangle]` in `pprof/src/profiler.rs`.
    fn perf_signal_handler(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void);
}

/// Where the crate's handler begins.
pub(super) fn handler() -> u64 {
    perf_signal_handler as *const () as u64
}

impl Disposition {
    pub(super) fn current() -> io::Result<Disposition> {
        // SAFETY: `sigaction` is plain data (a nullable function pointer as usize), valid when zeroed.
        let mut current: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: nothing is set; the disposition is written into `current`, which is ours.
        match unsafe { libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut current) } {
            0 => Ok(Disposition(current)),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Whether a function is called.
    pub(super) fn is_a_handler(&self) -> bool {
        ![libc::SIG_DFL, libc::SIG_IGN].contains(&self.0.sa_sigaction)
    }

    pub(super) fn is_the_crates(&self) -> bool {
        self.0.sa_sigaction as u64 == handler()
    }

    /// Sets it again.
    pub(super) fn restore(&self) {
        // SAFETY: it is what sigaction(2) said the disposition was, so it is valid to set; a handler of
        // the program's is as callable as when the program set it. No old one is asked for.
        unsafe {
            libc::sigaction(libc::SIGPROF, &self.0, std::ptr::null_mut());
        }
    }
}

/// Whether ITIMER_PROF runs: the program's own, as ours does not yet.
pub(super) fn is_timer_set() -> io::Result<bool> {
    // SAFETY: `itimerval` is plain data, valid when zeroed.
    let mut timer: libc::itimerval = unsafe { std::mem::zeroed() };
    // SAFETY: getitimer(2) writes into `timer`, which is ours.
    match unsafe { libc::getitimer(libc::ITIMER_PROF, &mut timer) } {
        0 => Ok(timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0),
        _ => Err(io::Error::last_os_error()),
    }
}
