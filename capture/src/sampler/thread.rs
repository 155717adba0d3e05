//! What the sampler knows of a thread: its timer, its clock, and the weight of its samples.

use rgops_protocol::reply::pprof_cpu::CpuThread;

use crate::procfs;
use crate::timers::CpuTimer;
use crate::{dump, signal_number};

/// Threads that ended in the window and are listed one by one; the others share an entry.
const MAX_ENDED: usize = 4096;

/// A thread that is sampled, or should be.
pub(super) struct Sampled {
    pub(super) timer: Timer,
    pub(super) name: String,
    pub(super) first_ns: u64,
    pub(super) last_ns: u64,
    pub(super) weight: u64,
    /// Whether ticks are missing and the thread blocked the signal when its mask was last read.
    pub(super) blocks_signal: bool,
}

/// A thread's timer, deleted when dropped.
pub(super) enum Timer {
    Running(Armed),
    /// The thread blocks the signal: it would stay pending, and the thread's sigwait(3) or signalfd(2) would take it.
    /// New threads block all signals for a moment, so the mask is read again. It counts as unblocked only after two
    /// readings: a thread that leaves sigwait(3) shows an unblocked mask until it gets a CPU.
    Blocked {
        seen_unblocked: bool,
    },
    /// The thread was seen in sigwait(3), and might take our signal for its own.
    Waiting,
    /// Its timer was deleted: the thread is [exempt](crate::exempt_threads).
    Exempt {
        /// Weight that was due by the end of its timer.
        due: u64,
    },
    /// timer_create(2) failed.
    Failed,
}

/// A timer, and when it first fires by the thread's clock.
pub(super) struct Armed {
    #[expect(dead_code, reason = "held for its drop")]
    pub(super) timer: CpuTimer,
    /// The thread's CPU clock at the first tick.
    pub(super) first_tick_ns: u64,
}

impl Armed {
    /// Weight of all ticks that are due when the thread's clock shows `cpu_ns`.
    fn weight_due(&self, cpu_ns: u64, period_ns: u64) -> u64 {
        let since_first = cpu_ns.checked_sub(self.first_tick_ns);
        since_first.map_or(0, |ns| 1 + ns / period_ns)
    }
}

/// A thread that is no longer sampled.
pub(super) struct Finished {
    pub(super) thread: CpuThread,
    /// Weight of the ticks that were due by its clock.
    due: u64,
    /// Whether the thread blocked the signal at the end, ticks being missing.
    pub(super) blocks_signal: bool,
}

impl Finished {
    /// Weight that was due and did not arrive, lost samples included.
    pub(super) fn missing(&self) -> u64 {
        self.due.saturating_sub(self.thread.weight)
    }

    /// CPU time known by its clock or its samples. A thread that ended ran on after the last reading of its clock.
    pub(super) fn known_ns(&self, period_ns: u64) -> u64 {
        match self.thread.ended {
            true => self.thread.cpu_ns.max(self.thread.weight * period_ns),
            false => self.thread.cpu_ns,
        }
    }
}

/// Adds a thread that ended; beyond [`MAX_ENDED`] they share one entry without an id.
pub(super) fn retire(ended: &mut Vec<Finished>, finished: Finished) {
    let is_full = ended.len() >= MAX_ENDED;
    match ended.last_mut() {
        Some(shared) if is_full => {
            shared.thread.tid = 0;
            shared.thread.name = "(other ended threads)".to_owned();
            shared.thread.cpu_ns += finished.thread.cpu_ns;
            shared.thread.weight += finished.thread.weight;
            shared.due += finished.due;
            // Unknown for threads that share an entry.
            shared.blocks_signal = false;
        }
        _ => ended.push(finished),
    }
}

/// What a thread does with the signal.
pub(super) enum SignalState {
    Unblocked,
    Blocked,
    /// In sigwait(3), perhaps for this signal.
    InSigwait,
}

/// A thread's name, and what it does with the signal. `None` if it has ended.
pub(super) fn signal_state(tid: u32) -> Option<(String, SignalState)> {
    let read = |file: &str| procfs::read(&format!("/proc/self/task/{tid}/{file}"), procfs::SMALL_FILE_BYTES);
    let is_waiting = || read("syscall").is_ok_and(|line| dump::waits_for_signals(&line));
    // Before and after: it may begin or end to wait in between.
    let was_waiting = is_waiting();
    let (name, _, blocked) = dump::parse_stat(&read("stat").ok()?)?;
    let state = match signal_number::is_blocked(tid, blocked) {
        _ if was_waiting || is_waiting() => SignalState::InSigwait,
        true => SignalState::Blocked,
        false => SignalState::Unblocked,
    };
    Some((name, state))
}

/// CPU time without a tick after which the signal mask of a thread is read: the kernel checks CPU timers at its own
/// ticks, every 10 ms at most.
const BLOCKED_AFTER_NS: u64 = 20_000_000;

impl Sampled {
    /// Whether ticks are overdue.
    pub(super) fn lacks_ticks(&self, period_ns: u64) -> bool {
        let Timer::Running(armed) = &self.timer else { return false };
        let missing = armed.weight_due(self.last_ns, period_ns).saturating_sub(self.weight);
        missing > 1 && missing.saturating_mul(period_ns) >= BLOCKED_AFTER_NS
    }

    /// Deletes its timer, if it has one, and never arms another.
    pub(super) fn exempt(&mut self, period_ns: u64) -> bool {
        let Timer::Running(armed) = &self.timer else { return false };
        let due = armed.weight_due(self.last_ns, period_ns);
        self.timer = Timer::Exempt { due };
        true
    }

    /// The summary of the thread.
    pub(super) fn finish(self, tid: u32, ended: bool, period_ns: u64) -> Finished {
        let due = match &self.timer {
            Timer::Running(armed) => armed.weight_due(self.last_ns, period_ns),
            Timer::Exempt { due, .. } => *due,
            _ => 0,
        };
        let cpu_ns = self.last_ns.saturating_sub(self.first_ns);
        let blocks_signal = self.blocks_signal;
        Finished {
            thread: CpuThread { tid, name: self.name, cpu_ns, weight: self.weight, ended },
            due,
            blocks_signal,
        }
    }
}
