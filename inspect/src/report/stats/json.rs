//! The JSON contract of `rgops stats`.

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::reply::stats::{AgentStats, RuntimeStats, StatsReply, TaskStates, ThreadActivity};
use serde::Serialize;

use super::groups::{ActivityGroup, activity_groups};
use crate::report::document::Document;
use crate::report::known::JsonKnown;

/// The answer in JSON, `rgops.stats/1`. Times are nanoseconds.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonStats {
    /// Time since the process started.
    pub uptime_ns: JsonKnown<u64>,
    /// CPU time in user mode.
    pub user_cpu_ns: JsonKnown<u64>,
    /// CPU time in the kernel.
    pub system_cpu_ns: JsonKnown<u64>,
    /// CPUs that are online.
    pub cpus_online: JsonKnown<u32>,
    /// CPUs the process may use.
    pub cpus_allowed: JsonKnown<u32>,
    /// CPU quota in thousandths of a CPU; `null` if there is no limit.
    pub cpu_quota_milli: JsonKnown<Option<u64>>,
    /// Number of periods in which it was throttled.
    pub throttled_periods: JsonKnown<u64>,
    /// Threads by state letter of proc(5).
    pub threads_by_state: JsonKnown<Vec<JsonThreadsInState>>,
    /// Open descriptors.
    pub descriptors: JsonKnown<u64>,
    /// Maximum open descriptors.
    pub descriptors_limit: JsonKnown<u64>,
    /// Voluntary context switches of all live threads.
    pub voluntary_switches: JsonKnown<u64>,
    /// Involuntary context switches of all live threads.
    pub involuntary_switches: JsonKnown<u64>,
    /// Measurement window of runtimes and threads.
    pub window_ns: u64,
    /// Watched Tokio runtimes.
    pub runtimes: Vec<JsonRuntime>,
    /// Every thread in the window.
    pub threads: Vec<JsonThread>,
    /// Activity and cost of the agent.
    pub agent: JsonAgent,
    /// The threads by name, those that used or waited for a CPU most first.
    pub thread_groups: Vec<JsonActivityGroup>,
}

/// Threads in one state.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonThreadsInState {
    /// State letter of proc(5).
    pub state: char,
    /// Number of threads.
    pub count: u32,
}

/// A Tokio runtime.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonRuntime {
    /// Its name.
    pub name: String,
    /// `multi_thread` or `current_thread`.
    pub flavor: String,
    /// Whether it was shut down; then it has no workers.
    pub shut_down: bool,
    /// Tasks that are not complete.
    pub alive_tasks: u64,
    /// Tasks in the global queue.
    pub global_queue: u64,
    /// Its tasks by state.
    pub tasks_by_state: JsonKnown<JsonTaskStates>,
    /// Its workers, by index.
    pub workers: Vec<JsonWorker>,
}

/// Tasks by state.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonTaskStates {
    /// Being polled.
    pub running: u64,
    /// In a queue, waiting to be polled.
    pub scheduled: u64,
    /// Waiting for something.
    pub idle: u64,
    /// Ended, and not yet removed from the list.
    pub complete: u64,
}

/// A worker in the window.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonWorker {
    /// Whether it was parked at the end.
    pub parked: bool,
    /// Number of parks.
    pub parks: u64,
    /// Busy time counted by Tokio; it does not advance while a poll is stuck.
    pub tokio_busy_ns: u64,
    /// Busy time, including a stuck poll.
    pub busy_ns: JsonKnown<u64>,
}

/// A thread in the window.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonThread {
    /// Thread id.
    pub tid: u32,
    /// Its name.
    pub name: String,
    /// State letter of proc(5) at the end.
    pub state: char,
    /// Time on a CPU.
    pub running_ns: JsonKnown<u64>,
    /// Time waiting for a CPU.
    pub runnable_ns: JsonKnown<u64>,
    /// Whether it belongs to the agent.
    pub is_agent: bool,
}

/// Threads with one name in the window.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonActivityGroup {
    /// Their name; `*` stands for numbers, as in `worker-*`.
    pub name: String,
    /// Their number.
    pub count: usize,
    /// Their time on a CPU.
    pub running_ns: JsonKnown<u64>,
    /// Their time waiting for a CPU.
    pub runnable_ns: JsonKnown<u64>,
    /// Whether they belong to the agent.
    pub is_agent: bool,
}

/// Activity of the agent since `listen`.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonAgent {
    /// Time since `listen`.
    pub uptime_ns: u64,
    /// Listening address.
    pub address: String,
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open_connections: u64,
    /// Requests answered.
    pub requests: u64,
    /// Connections of other users that were refused.
    pub refused_users: u64,
    /// Connections refused because of a missing or wrong token.
    pub refused_tokens: u64,
    /// Connections refused or closed because of a limit or deadline.
    pub refused_limits: u64,
    /// Malformed packets and requests.
    pub malformed: u64,
    /// Commands refused as `busy`.
    pub busy: u64,
    /// Commands cancelled because the client disconnected.
    pub cancelled: u64,
    /// Samples and stacks dropped.
    pub dropped: u64,
    /// CPU time of the agent's thread.
    pub cpu_ns: JsonKnown<u64>,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Commands refused because the program's author does not allow them; absent if the agent does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied: Option<u64>,
}

impl JsonStats {
    /// The JSON form of an answer.
    pub fn document(hello: &AgentHello, reply: &StatsReply, end: &End) -> Document<JsonStats> {
        let in_states = reply.threads.clone().map(|states| {
            states.iter().map(|s| JsonThreadsInState { state: s.state, count: s.count }).collect()
        });
        let body = JsonStats {
            uptime_ns: reply.uptime_ns.clone().into(),
            user_cpu_ns: reply.user_cpu_ns.clone().into(),
            system_cpu_ns: reply.system_cpu_ns.clone().into(),
            cpus_online: reply.cpus_online.clone().into(),
            cpus_allowed: reply.cpus_allowed.clone().into(),
            cpu_quota_milli: reply.cpu_quota_milli.clone().into(),
            throttled_periods: reply.throttled_periods.clone().into(),
            threads_by_state: JsonKnown(in_states),
            descriptors: reply.descriptors.clone().into(),
            descriptors_limit: reply.descriptors_limit.clone().into(),
            voluntary_switches: reply.voluntary_switches.clone().into(),
            involuntary_switches: reply.involuntary_switches.clone().into(),
            window_ns: reply.window_ns,
            runtimes: reply.runtimes.iter().map(runtime).collect(),
            threads: reply.thread_activity.iter().map(thread).collect(),
            agent: agent(&reply.agent),
            thread_groups: activity_groups(&reply.thread_activity).into_iter().map(group).collect(),
        };
        Document::new("rgops.stats/1", hello.into(), Ok(end), body, None)
    }
}

/// The JSON form of a runtime.
pub(crate) fn runtime(runtime: &RuntimeStats) -> JsonRuntime {
    let workers = runtime.workers.iter().map(|worker| JsonWorker {
        parked: worker.parked,
        parks: worker.parks,
        tokio_busy_ns: worker.tokio_busy_ns,
        busy_ns: worker.busy_ns.clone().into(),
    });
    JsonRuntime {
        name: runtime.name.clone(),
        flavor: runtime.flavor.clone(),
        shut_down: runtime.workers.is_empty(),
        alive_tasks: runtime.alive_tasks,
        global_queue: runtime.global_queue,
        tasks_by_state: runtime.tasks.clone().map(task_states).into(),
        workers: workers.collect(),
    }
}

fn task_states(states: TaskStates) -> JsonTaskStates {
    let TaskStates { running, scheduled, idle, complete } = states;
    JsonTaskStates { running, scheduled, idle, complete }
}

fn thread(thread: &ThreadActivity) -> JsonThread {
    JsonThread {
        tid: thread.tid,
        name: thread.name.clone(),
        state: thread.state,
        running_ns: thread.running_ns.clone().into(),
        runnable_ns: thread.runnable_ns.clone().into(),
        is_agent: thread.is_agent,
    }
}

fn group(group: ActivityGroup<'_>) -> JsonActivityGroup {
    JsonActivityGroup {
        name: group.name,
        count: group.threads.len(),
        running_ns: group.running_ns.into(),
        runnable_ns: group.runnable_ns.into(),
        is_agent: group.threads.iter().any(|thread| thread.is_agent),
    }
}

fn agent(agent: &AgentStats) -> JsonAgent {
    JsonAgent {
        uptime_ns: agent.uptime_ns,
        address: agent.address.clone(),
        connections: agent.connections,
        open_connections: agent.open_connections,
        requests: agent.requests,
        refused_users: agent.refused_users,
        refused_tokens: agent.refused_tokens,
        refused_limits: agent.refused_limits,
        malformed: agent.malformed,
        busy: agent.busy,
        cancelled: agent.cancelled,
        dropped: agent.dropped,
        cpu_ns: agent.cpu_ns.clone().into(),
        sent_bytes: agent.sent_bytes,
        denied: agent.denied.value().copied(),
    }
}
