//! The signal that captures use: SIGPROF, or the choice of the program's author. Validates the choice, and reads whether
//! a thread blocks it.

use std::fmt;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::procfs;

/// A signal that captures can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(i32);

/// The signal of the next operation. Process-wide, like dispositions; written only by `listen`.
static CHOSEN: AtomicI32 = AtomicI32::new(libc::SIGPROF);

/// The chosen signal.
pub fn chosen() -> Number {
    Number(CHOSEN.load(Ordering::SeqCst))
}

/// Sets the signal for captures that start from now on.
pub fn choose(number: Number) {
    CHOSEN.store(number.0, Ordering::SeqCst);
}

/// Signals raised by an instruction (signal(7)) or a seccomp filter.
pub(super) const SYNCHRONOUS: [i32; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS];

/// The mask of all other signals. If a synchronous signal is raised while blocked, the kernel terminates the program.
pub(super) const ALL_BUT_SYNCHRONOUS: u64 = {
    let (mut mask, mut at) = (!0, 0);
    while at < SYNCHRONOUS.len() {
        mask &= !(1 << (SYNCHRONOUS[at] - 1));
        at += 1;
    }
    mask
};

/// Allowed besides the real-time signals: signals whose only meaning is the one the program gives them. Restoring
/// the handler discards pending signals, and for any other signal that would lose an event.
const NAMED: [(i32, &str); 4] = [
    (libc::SIGPROF, "SIGPROF"),
    (libc::SIGVTALRM, "SIGVTALRM"),
    (libc::SIGUSR1, "SIGUSR1"),
    (libc::SIGUSR2, "SIGUSR2"),
];

impl Default for Number {
    fn default() -> Number {
        Number(libc::SIGPROF)
    }
}

impl Number {
    /// The signal with this number, or why captures cannot use it.
    pub fn new(number: i32) -> Result<Number, &'static str> {
        let first = libc::SIGRTMIN();
        match number {
            _ if NAMED.iter().any(|(named, _)| *named == number) => Ok(Number(number)),
            _ if (first..=libc::SIGRTMAX()).contains(&number) => Ok(Number(number)),
            libc::SIGKILL | libc::SIGSTOP => Err("no program can handle it"),
            _ if SYNCHRONOUS.contains(&number) => Err("it reports a faulty instruction or a denied call"),
            libc::SIGCHLD => Err("a process waits for its children with it"),
            // nptl(7): for thread cancellation and changing credentials; musl uses a third one.
            _ if (32..first).contains(&number) => Err("the C library uses it itself"),
            1..32 => Err("it has its own meaning, and restoring its handler would lose pending signals"),
            _ => Err("there is no such signal"),
        }
    }

    pub(super) fn get(self) -> i32 {
        self.0
    }

    /// Whether several signals with this number can be pending, not only one.
    pub(super) fn is_real_time(self) -> bool {
        self.0 > 31
    }

    fn is_in(self, mask: u64) -> bool {
        mask >> (self.0 - 1) & 1 == 1
    }
}

impl fmt::Display for Number {
    /// The name as in kill(1) and signal(7): `SIGPROF`, `SIGRTMIN+3`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMED.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => formatter.write_str(name),
            None => write!(formatter, "SIGRTMIN+{}", self.0 - libc::SIGRTMIN()),
        }
    }
}

/// Whether a thread blocks the chosen signal. `first_31` is the mask from its `stat`, which has only the first
/// 31 signals (fs/proc/array.c, do_task_stat), so for real-time signals its `status` is read.
/// A thread that has ended blocks nothing.
pub(super) fn is_blocked(tid: u32, first_31: u64) -> bool {
    let number = chosen();
    if !number.is_real_time() {
        return number.is_in(first_31);
    }
    let status = procfs::read(&format!("/proc/self/task/{tid}/status"), procfs::SMALL_FILE_BYTES);
    status.is_ok_and(|status| blocked_mask(&status).is_some_and(|mask| number.is_in(mask)))
}

/// The mask `SigBlk` of a `status` file.
fn blocked_mask(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("SigBlk:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_usable_signals_are_accepted() {
        let name = |number| Number::new(number).map(|number| number.to_string());
        assert_eq!(name(libc::SIGPROF).as_deref(), Ok("SIGPROF"));
        assert_eq!(name(libc::SIGUSR2).as_deref(), Ok("SIGUSR2"));
        assert_eq!(name(libc::SIGRTMIN()).as_deref(), Ok("SIGRTMIN+0"));
        assert_eq!(name(libc::SIGRTMAX()), Ok(format!("SIGRTMIN+{}", libc::SIGRTMAX() - libc::SIGRTMIN())));
        for number in (1..libc::SIGRTMIN()).filter(|number| NAMED.iter().all(|(named, _)| named != number)) {
            assert!(Number::new(number).is_err(), "{number}");
        }
        for number in [i32::MIN, -1, 0, libc::SIGRTMAX() + 1, i32::MAX] {
            assert_eq!(Number::new(number), Err("there is no such signal"));
        }
        assert_eq!(Number::new(32), Err("the C library uses it itself"));
        assert_eq!(Number::new(33), Err("the C library uses it itself"));
        assert_eq!(Number::new(libc::SIGKILL), Err("no program can handle it"));
    }

    #[test]
    fn blocked_real_time_signals_are_parsed() {
        assert_eq!(blocked_mask("Name:\ta\nSigBlk:\t0000000200000000\nSigIgn:\t0\n"), Some(1 << 33));
        assert_eq!(blocked_mask("Name:\ta\n"), None);
        assert!(!is_blocked(0, 0) && is_blocked(0, 1 << (libc::SIGPROF - 1)));
    }
}
