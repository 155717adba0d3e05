//! The sampler's state of a thread: its timer, its clock, and the weight of its samples.

use rgops_protocol::reply::pprof_cpu::CpuThread;

use crate::procfs;
use crate::timers::CpuTimer;
use crate::{dump, signal_number};

/// The maximum number of ended threads listed one by one; further ones share an entry.
const MAX_ENDED: usize = 4096;

/// A thread that the sampler knows, with or without a timer.
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
        /// The weight that was due when its timer was deleted.
        due: u64,
    },
    /// timer_create(2) failed.
    Failed,
}

/// A running timer.
pub(super) struct Armed {
    #[expect(dead_code, reason = "held for its drop")]
    pub(super) timer: CpuTimer,
    /// The thread's CPU clock at the first tick.
    pub(super) first_tick_ns: u64,
}

impl Armed {
    /// The weight of all ticks that are due when the thread's clock shows `cpu_ns`.
    fn weight_due(&self, cpu_ns: u64, period_ns: u64) -> u64 {
        let since_first = cpu_ns.checked_sub(self.first_tick_ns);
        since_first.map_or(0, |ns| 1 + ns / period_ns)
    }
}

/// A thread that is no longer sampled.
pub(super) struct Finished {
    pub(super) thread: CpuThread,
    /// The weight of the ticks that were due according to its clock.
    due: u64,
    /// Whether the thread blocked the signal at the end and ticks were missing.
    pub(super) blocks_signal: bool,
}

impl Finished {
    /// The weight that was due and did not arrive, including lost samples.
    pub(super) fn missing(&self) -> u64 {
        self.due.saturating_sub(self.thread.weight)
    }

    /// Its CPU time according to its clock or samples. A thread that has ended may have run after its last reading.
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

/// How a thread would receive the signal.
pub(super) enum SignalState {
    Unblocked,
    Blocked,
    /// In sigwait(3), perhaps for this signal.
    InSigwait,
}

/// A thread's name and signal state. `None` if it has ended.
pub(super) fn signal_state(tid: u32) -> Option<(String, SignalState)> {
    let read = |file: &str| procfs::read(&format!("/proc/self/task/{tid}/{file}"), procfs::SMALL_FILE_BYTES);
    let is_waiting = || read("syscall").is_ok_and(|line| dump::waits_for_signals(&line));
    // Checked before and after, because it may start or stop waiting in between.
    let was_waiting = is_waiting();
    let (name, _, blocked) = dump::parse_stat(&read("stat").ok()?)?;
    let state = match signal_number::is_blocked(tid, blocked) {
        _ if was_waiting || is_waiting() => SignalState::InSigwait,
        true => SignalState::Blocked,
        false => SignalState::Unblocked,
    };
    Some((name, state))
}

/// A thread's signal mask is read after this CPU time without a tick: the kernel checks CPU timers at its own
/// ticks, which are at most 10 ms apart.
const BLOCKED_AFTER_NS: u64 = 20_000_000;

impl Sampled {
    /// Whether ticks are overdue.
    pub(super) fn lacks_ticks(&self, period_ns: u64) -> bool {
        let Timer::Running(armed) = &self.timer else { return false };
        let missing = armed.weight_due(self.last_ns, period_ns).saturating_sub(self.weight);
        missing > 1 && missing.saturating_mul(period_ns) >= BLOCKED_AFTER_NS
    }

    /// Deletes its timer, if it has one, for the rest of the profile.
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
