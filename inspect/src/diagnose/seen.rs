//! What was seen of a program in the window, as plain data.

use std::collections::{BTreeMap, HashMap};

use rgops_protocol::reply::Known;
use rgops_protocol::reply::memstats::MemstatsReply;
use rgops_protocol::reply::stats::StatsReply;

use super::finding::Place;
use crate::locks::{Holders, LockThread, LockWait, lock_waits};
use crate::report::stack::{Activity, Role};
use crate::schedtrace::RuntimeLine;
use crate::symbols::Frame;

/// Everything that was seen. Lists are in the order of time.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Seen {
    /// From the first look to the last, in nanoseconds.
    pub window_ns: u64,
    /// The threads' stacks, at up to three moments.
    pub dumps: Known<Vec<Dump>>,
    /// The tasks, at the start and at the end.
    pub tasks: Known<Vec<TaskLook>>,
    /// Activity, one window after the other.
    pub stats: Known<Vec<StatsReply>>,
    /// Memory, at several moments.
    pub memory: Known<Vec<MemoryLook>>,
    /// The schedulers, at several moments.
    pub schedulers: Known<Vec<Vec<RuntimeLine>>>,
    /// The limits of the process.
    pub limits: Known<Limits>,
    /// The locks that threads waited for at the end, with their holders as far as they are known.
    pub locks: Vec<LockWait>,
    /// The locks of parking_lot that threads waited for at the end, by thread, as far as they are known.
    pub parked_at: HashMap<u32, u64>,
    /// Why no holder of a lock could be looked for; empty otherwise.
    pub holders_missing: String,
    /// The likeliest growing lines; empty if nobody looked because the heap did not grow.
    pub growing: Vec<Growing>,
}

/// Every thread at one moment, without the agent's.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Dump {
    /// Time since the first look, in nanoseconds.
    pub at_ns: u64,
    /// The threads.
    pub threads: Vec<SeenThread>,
}

/// A thread at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SeenThread {
    /// Kernel thread id.
    pub tid: u32,
    /// Name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// What it is doing.
    pub activity: Activity,
    /// As text: `sleep`, `futex wait`.
    pub state: String,
    /// State letter of proc(5).
    pub state_letter: char,
    /// CPU time since it started, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// The address of the futex it waits at.
    pub futex: Option<u64>,
    /// The Tokio task it polls.
    pub task: Option<u64>,
    /// Name of that task.
    pub task_name: Option<String>,
    /// Addresses, innermost first.
    pub addresses: Vec<u64>,
    /// Frames, innermost first.
    pub frames: Vec<Frame>,
}

/// The tasks at one moment.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TaskLook {
    /// Time since the first look, in nanoseconds.
    pub at_ns: u64,
    /// Tasks listed.
    pub listed: u64,
    /// Tasks by the name of their future, or of what is known of it.
    pub kinds: BTreeMap<String, u64>,
    /// Rings of tasks that wait only for each other.
    pub deadlocks: Vec<DeadlockSeen>,
    /// Tasks that wait for a closure of the blocking pool.
    pub waiting_for_blocking: u64,
    /// Timers that are due and have not fired, the latest first, at most [`LateTimer::MOST`]; `None` if the agent does not tell the time of its list.
    pub late_timers: Option<Vec<LateTimer>>,
    /// Tasks with a timer that has not fired.
    pub timers: u64,
}

/// A ring of tasks, each of which waits for the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadlockSeen {
    /// The ring.
    pub ring: Vec<StepSeen>,
    /// Further tasks on rings with these, and tasks that wait for any of them.
    pub behind: u64,
}

/// One task of a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepSeen {
    /// Its id.
    pub task: u64,
    /// Its name.
    pub name: String,
    /// What it waits for: `Mutex 0x7f3a10`.
    pub waits_for: String,
    /// The await.
    pub place: Option<Place>,
    /// The future of the next task that keeps what it waits for, if that task does not poll it.
    pub kept: Option<KeptSeen>,
}

/// A lock in a future that its task does not poll.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptSeen {
    /// The future, and the await at which it is suspended.
    pub place: Place,
    /// Whether the lock was given to it while it waited: there is no guard yet.
    pub is_given: bool,
}

/// A timer of Tokio that is due and has not fired.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LateTimer {
    /// The id of the task that waits for it.
    pub task: u64,
    /// The name of the task.
    pub name: String,
    /// The runtime of the task.
    pub runtime: String,
    /// Time since it was due, in nanoseconds.
    pub late_ns: u64,
    /// The await.
    pub place: Option<Place>,
}

/// Memory at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MemoryLook {
    /// Time since the first look, in nanoseconds.
    pub at_ns: u64,
    /// The numbers.
    pub numbers: MemstatsReply,
}

/// Limits of the process (getrlimit(2)) that `memstats` does not report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Of the address space, in bytes; `None` if unlimited.
    pub address_space_bytes: Option<u64>,
    /// Of data, in bytes; `None` if unlimited.
    pub data_bytes: Option<u64>,
}

/// A line whose memory grew, or may have.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Growing {
    /// The line.
    pub place: Place,
    /// Its growth in the window in which lines were compared, in bytes, estimated from samples.
    pub bytes: i64,
    /// 1 minus the probability of such growth by chance.
    pub confidence: f64,
}

impl LateTimer {
    /// Maximum timers kept of a list.
    pub const MOST: usize = 1000;
}

impl Seen {
    /// Nothing seen yet, for one reason.
    pub(crate) fn nothing(reason: &str, fix: &str) -> Seen {
        Seen {
            window_ns: 0,
            dumps: Known::unavailable(reason, fix),
            tasks: Known::unavailable(reason, fix),
            stats: Known::unavailable(reason, fix),
            memory: Known::unavailable(reason, fix),
            schedulers: Known::unavailable(reason, fix),
            limits: Known::unavailable(reason, fix),
            locks: Vec::new(),
            parked_at: HashMap::new(),
            holders_missing: String::new(),
            growing: Vec::new(),
        }
    }
}

impl MemoryLook {
    /// A number of a section.
    pub(super) fn number(&self, section: &str, field: &str) -> Option<u64> {
        let section = self.numbers.sections.iter().find(|known| known.name == section)?;
        section.fields.iter().find(|known| known.name == field)?.value.value().copied()
    }
}

impl MemoryLook {
    /// The numbers at a moment.
    pub(crate) fn new(at_ns: u64, numbers: MemstatsReply) -> MemoryLook {
        MemoryLook { at_ns, numbers }
    }
}

impl Seen {
    /// The threads of the last dump, for a search for the holders of locks.
    pub(crate) fn lock_threads(&self) -> Vec<LockThread<'_>> {
        let last = self.dumps.value().and_then(|dumps| dumps.last());
        let threads = last.into_iter().flat_map(|dump| &dump.threads);
        threads.map(|thread| lock_thread(thread, self.parked_at.get(&thread.tid).copied())).collect()
    }

    /// Keeps the locks of the last dump with their holders.
    pub(crate) fn set_holders(&mut self, holders: Holders) {
        let blocked = self.lock_threads().into_iter().filter(|thread| thread.is_blocked);
        let waits = lock_waits(blocked.map(|thread| thread.waiter()));
        self.locks = waits.into_iter().map(|wait| wait.with_holder(&holders)).collect();
        self.holders_missing = holders.missing;
    }
}

fn lock_thread(thread: &SeenThread, parked_at: Option<u64>) -> LockThread<'_> {
    LockThread {
        tid: thread.tid,
        is_blocked: thread.activity == Activity::Blocked,
        is_running: thread.activity == Activity::Running,
        futex: thread.futex,
        parked_at,
        cpu_ns: thread.cpu_ns,
        addresses: &thread.addresses,
        frames: &thread.frames,
    }
}

impl Dump {
    /// The threads at a moment.
    pub(crate) fn new(at_ns: u64, threads: Vec<SeenThread>) -> Dump {
        Dump { at_ns, threads }
    }
}

impl Growing {
    /// A line that grew.
    pub(crate) fn new(place: Place, bytes: i64, confidence: f64) -> Growing {
        Growing { place, bytes, confidence }
    }
}

#[cfg(any(test, target_os = "linux"))]
impl Limits {
    /// From the text of `/proc/PID/limits`: name, soft limit, hard limit, unit.
    pub(crate) fn parse(text: &str) -> Limits {
        let soft = |name: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
            rest.split_whitespace().next()?.parse().ok()
        };
        Limits { address_space_bytes: soft("Max address space"), data_bytes: soft("Max data size") }
    }
}
