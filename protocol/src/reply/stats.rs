//! Answer of `stats`: one `Data` packet, a [`StatsReply`].

use super::Known;
use crate::codec::{Decode, Encode};
use crate::received::{NAME_CHARACTERS, PATH_CHARACTERS, fields, plain};
use crate::tail::Tail;

/// Arguments of `stats`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct StatsRequest {
    /// Window over which busy shares are measured, in milliseconds.
    pub window_ms: u32,
}

/// Statistics of the process and its runtimes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct StatsReply {
    /// Time since the process started, in nanoseconds.
    pub uptime_ns: Known<u64>,
    /// CPU time in user mode, in nanoseconds.
    pub user_cpu_ns: Known<u64>,
    /// CPU time in the kernel, in nanoseconds.
    pub system_cpu_ns: Known<u64>,
    /// CPUs of the machine that are online.
    pub cpus_online: Known<u32>,
    /// CPUs the process may run on (`sched_getaffinity`).
    pub cpus_allowed: Known<u32>,
    /// cgroup CPU quota in thousandths of a CPU; `Value(None)`: no limit.
    pub cpu_quota_milli: Known<Option<u64>>,
    /// cgroup periods in which it was throttled.
    pub throttled_periods: Known<u64>,
    /// Threads by state letter of proc(5).
    pub threads: Known<Vec<ThreadsInState>>,
    /// Open descriptors.
    pub descriptors: Known<u64>,
    /// Limit of open descriptors (soft `RLIMIT_NOFILE`).
    pub descriptors_limit: Known<u64>,
    /// Voluntary context switches of all live threads.
    pub voluntary_switches: Known<u64>,
    /// Involuntary context switches of all live threads.
    pub involuntary_switches: Known<u64>,
    /// Window over which `runtimes` and `thread_activity` were measured, in nanoseconds.
    pub window_ns: u64,
    /// Watched Tokio runtimes.
    pub runtimes: Vec<RuntimeStats>,
    /// The activity of every thread in the window.
    pub thread_activity: Vec<ThreadActivity>,
    /// The agent's own statistics.
    pub agent: AgentStats,
    /// The workers' counters since their runtimes started, in the order of `runtimes`.
    #[cfg_attr(test, wincode(skip))]
    pub totals: Tail<Vec<RuntimeTotals>>,
}

/// Counters of a runtime since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct RuntimeTotals {
    /// The workers by index; empty if the runtime was shut down.
    pub workers: Vec<WorkerTotals>,
}

/// Counters of a worker since its runtime started, as Tokio publishes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub struct WorkerTotals {
    /// Parks.
    pub parks: u64,
    /// Busy time, in nanoseconds. It does not advance while a poll is stuck.
    pub busy_ns: u64,
}

/// The number of threads in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ThreadsInState {
    /// State letter of proc(5).
    pub state: char,
    /// The number of threads.
    pub count: u32,
}

/// A watched Tokio runtime.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct RuntimeStats {
    /// The name given to `watch`, or `main` for the one that `listen` was called in.
    pub name: String,
    /// `multi_thread`, `current_thread`, or another name used by Tokio.
    pub flavor: String,
    /// The workers by index; empty if the runtime was shut down.
    pub workers: Vec<WorkerStats>,
    /// Tasks that are not complete.
    pub alive_tasks: u64,
    /// Tasks in the global queue.
    pub global_queue: u64,
    /// Its tasks by state, counted by a walk at the end of the window.
    pub tasks: Known<TaskStates>,
}

/// Tasks by state. Their sum may differ from `alive_tasks`, because the two are read at different moments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TaskStates {
    /// Being polled.
    pub running: u64,
    /// Queued to be polled.
    pub scheduled: u64,
    /// Waiting for something.
    pub idle: u64,
    /// Complete, and about to be removed from the list.
    pub complete: u64,
}

/// A worker thread of a runtime, over the window.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct WorkerStats {
    /// Whether it was parked at the end of the window (odd park-unpark count).
    pub parked: bool,
    /// Parks in the window.
    pub parks: u64,
    /// Time that Tokio counted as busy in the window, in nanoseconds. Tokio publishes it when a worker
    /// parks, so it does not advance while a poll is stuck.
    pub tokio_busy_ns: u64,
    /// Busy time corrected for a stuck poll, in nanoseconds: the whole window if the worker was not parked and
    /// did not park once. Not known for a `current_thread` runtime without any
    /// activity: its poll is stuck, or no thread drives it, and Tokio's counters cannot distinguish the two.
    pub busy_ns: Known<u64>,
}

/// A thread's activity in the window (`/proc/self/task/TID/schedstat`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ThreadActivity {
    /// Kernel thread id.
    pub tid: u32,
    /// Name (`comm`).
    pub name: String,
    /// State letter at the end of the window.
    pub state: char,
    /// Time on a CPU in the window, in nanoseconds.
    pub running_ns: Known<u64>,
    /// Time waiting for a CPU in the window, in nanoseconds.
    pub runnable_ns: Known<u64>,
    /// Whether it belongs to the agent.
    pub is_agent: bool,
}

/// The agent's activity and cost since `listen`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct AgentStats {
    /// Time since `listen`, in nanoseconds.
    pub uptime_ns: u64,
    /// The address it listens on.
    pub address: String,
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now, including this one.
    pub open_connections: u64,
    /// Requests answered, including this one.
    pub requests: u64,
    /// Peers refused because they belong to other users.
    pub refused_users: u64,
    /// Peers refused because of a missing or wrong token.
    pub refused_tokens: u64,
    /// Connections refused or ended because of a limit or a deadline.
    pub refused_limits: u64,
    /// Malformed packets and requests.
    pub malformed: u64,
    /// Commands refused as `busy`.
    pub busy: u64,
    /// Commands cancelled because the client disconnected.
    pub cancelled: u64,
    /// Samples and stacks dropped since `listen`.
    pub dropped: u64,
    /// CPU time of the agent's thread, in nanoseconds.
    pub cpu_ns: Known<u64>,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Commands refused because the program's author does not allow them.
    #[cfg_attr(test, wincode(skip))]
    pub denied: Tail<u64>,
}

fields! {
    StatsReply {
        uptime_ns, user_cpu_ns, system_cpu_ns, cpus_online, cpus_allowed, cpu_quota_milli, throttled_periods,
        threads, descriptors, descriptors_limit, voluntary_switches, involuntary_switches, window_ns,
        runtimes, thread_activity, agent, totals,
    }
    RuntimeTotals { workers }
    RuntimeStats { name: NAME_CHARACTERS, flavor: NAME_CHARACTERS, workers, alive_tasks, global_queue, tasks }
    WorkerStats { parked, parks, tokio_busy_ns, busy_ns }
    ThreadActivity { tid, name: NAME_CHARACTERS, state, running_ns, runnable_ns, is_agent }
    AgentStats {
        uptime_ns, address: PATH_CHARACTERS, connections, open_connections, requests, refused_users,
        refused_tokens, refused_limits, malformed, busy, cancelled, dropped, cpu_ns, sent_bytes, denied,
    }
}

plain!(TaskStates, ThreadsInState, WorkerTotals);
