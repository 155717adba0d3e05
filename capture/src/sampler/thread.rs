//! What the sampler knows of a thread: its timer, its clock, what came of its ticks.

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
    /// Whether ticks are missing and the thread blocked the signal when it was last looked at.
    pub(super) is_deaf: bool,
}

/// A thread's timer, deleted when dropped.
pub(super) enum Timer {
    Running(Armed),
    /// The thread blocks the signal: one would stay pending, for its sigwait(3) or signalfd(2) to
    /// find. New threads block everything for a moment, so it is looked at again, and believed the
    /// second time: a thread that leaves sigwait(3) looks open until it gets a CPU.
    Blocked {
        seen_open: bool,
    },
    /// The thread was seen in sigwait(3), and may take ours for its own.
    Waiting,
    /// It has none any more, and is [left alone](crate::left_alone).
    LeftAlone {
        /// Weight that was due by the end of its timer.
        due: u64,
    },
    /// None could be made.
    Failed,
}

/// A timer, and what it will have done by the thread's clock.
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

/// A thread that is sampled no more.
pub(super) struct Finished {
    pub(super) thread: CpuThread,
    /// Weight of the ticks that were due by its clock.
    due: u64,
    /// Whether the thread blocked the signal at the end, ticks being missing.
    pub(super) is_deaf: bool,
}

impl Finished {
    /// Weight that was due and has not come, lost samples included.
    pub(super) fn missing(&self) -> u64 {
        self.due.saturating_sub(self.thread.weight)
    }

    /// CPU time that its timer, or its samples, know of. A thread that ended ran on after our last look
    /// at its clock.
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
            // Of those that share an entry nobody knows which did.
            shared.is_deaf = false;
        }
        _ => ended.push(finished),
    }
}

/// What a thread would do with the signal.
pub(super) enum Ear {
    Open,
    Blocked,
    /// It is in sigwait(3): it may be for ours.
    Waiting,
}

/// A thread's name, and what it would do with the signal. `None` when it has ended.
pub(super) fn look_at(tid: u32) -> Option<(String, Ear)> {
    let read = |file: &str| procfs::read(&format!("/proc/self/task/{tid}/{file}"), procfs::SMALL_FILE_BYTES);
    let is_waiting = || read("syscall").is_ok_and(|line| dump::waits_for_signals(&line));
    // Before and after: it may begin or end to wait in between.
    let was_waiting = is_waiting();
    let (name, _, blocked) = dump::parse_stat(&read("stat").ok()?)?;
    let ear = match signal_number::is_blocked(tid, blocked) {
        _ if was_waiting || is_waiting() => Ear::Waiting,
        true => Ear::Blocked,
        false => Ear::Open,
    };
    Some((name, ear))
}

/// CPU time without a tick after which a thread is asked whether it blocks the signal: the kernel looks at
/// CPU timers at its own ticks, 10 ms at most.
const DEAF_AFTER_NS: u64 = 20_000_000;

impl Sampled {
    /// Whether ticks are due that have not come, for longer than they take.
    pub(super) fn lacks_ticks(&self, period_ns: u64) -> bool {
        let Timer::Running(armed) = &self.timer else { return false };
        let missing = armed.weight_due(self.last_ns, period_ns).saturating_sub(self.weight);
        missing > 1 && missing.saturating_mul(period_ns) >= DEAF_AFTER_NS
    }

    /// Ends its timer for good, if it has one.
    pub(super) fn leave_alone(&mut self, period_ns: u64) -> bool {
        let Timer::Running(armed) = &self.timer else { return false };
        let due = armed.weight_due(self.last_ns, period_ns);
        self.timer = Timer::LeftAlone { due };
        true
    }

    /// Ends what is kept of it.
    pub(super) fn finish(self, tid: u32, ended: bool, period_ns: u64) -> Finished {
        let due = match &self.timer {
            Timer::Running(armed) => armed.weight_due(self.last_ns, period_ns),
            Timer::LeftAlone { due, .. } => *due,
            _ => 0,
        };
        let cpu_ns = self.last_ns.saturating_sub(self.first_ns);
        let is_deaf = self.is_deaf;
        Finished {
            thread: CpuThread { tid, name: self.name, cpu_ns, weight: self.weight, ended },
            due,
            is_deaf,
        }
    }
}
