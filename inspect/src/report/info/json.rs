//! `rgops PID` as JSON.

use rgops_protocol::reply::Known;
use serde::Serialize;

use super::groups::{ConnectionGroup, ThreadGroup, connection_groups, thread_groups};
use crate::processes::{Connection, ProcessDetails, Thread};
use crate::report::known::JsonKnown;
use crate::report::list::ProcessJson;

/// The output of `rgops PID --json`. `{"unavailable": reason}` stands in the place of a missing value.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct InfoJson {
    /// `rgops.info/1`. Fields may be added under this name; existing fields keep their meaning.
    pub schema: &'static str,
    /// The process, as in `rgops --json`.
    #[serde(flatten)]
    pub process: ProcessJson,
    /// State letter of proc(5).
    pub state: JsonKnown<char>,
    /// Live threads.
    pub threads: JsonKnown<u64>,
    /// Resident memory in percent of the machine's memory.
    pub memory_percent: JsonKnown<f64>,
    /// CPU usage since it started, in percent of one CPU.
    pub cpu_percent: JsonKnown<f64>,
    /// Seconds over which `cpu_window_percent` was measured; both are `null` when not requested.
    pub cpu_window_seconds: Option<f64>,
    /// CPU usage over the window, in percent of one CPU.
    pub cpu_window_percent: Option<JsonKnown<f64>>,
    /// Name of the effective user.
    pub username: JsonKnown<String>,
    /// The arguments, joined by spaces.
    pub command: JsonKnown<String>,
    /// Seconds since it started.
    pub elapsed_seconds: JsonKnown<f64>,
    /// TCP and UDP sockets.
    pub connections: JsonKnown<Vec<ConnectionJson>>,
    /// Why it does not run: stopped, held by a debugger, or frozen by its cgroup; `null` if it may run.
    pub suspended: Option<String>,
    /// Resident memory, in bytes.
    pub resident_bytes: JsonKnown<u64>,
    /// Open descriptors.
    pub descriptors: JsonKnown<u64>,
    /// How many it may open; `null`: any number.
    pub descriptors_limit: JsonKnown<Option<u64>>,
    /// Threads by name, the group with the most CPU time first.
    pub thread_groups: JsonKnown<Vec<ThreadGroupJson>>,
    /// Each thread.
    pub thread_list: JsonKnown<Vec<ThreadJson>>,
    /// Sockets by local port, peer and state, the largest group first.
    pub connection_groups: JsonKnown<Vec<ConnectionGroupJson>>,
}

/// Threads with one name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ThreadGroupJson {
    /// Their name; `*` stands for numbers.
    pub name: String,
    /// Their number.
    pub count: usize,
    /// Their CPU time since they started, or over the requested window.
    pub cpu_seconds: f64,
}

/// A thread.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ThreadJson {
    /// Its id.
    pub tid: u32,
    /// Its name.
    pub name: String,
    /// State letter of proc(5).
    pub state: char,
    /// CPU time since it started, or over the requested window.
    pub cpu_seconds: f64,
}

/// Sockets of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ConnectionGroupJson {
    /// `:7000` for connections to this port of the process, `-> 10.0.0.7:5432` for connections to that peer.
    pub of: String,
    /// TCP state, or `UDP`.
    pub state: &'static str,
    /// Their number.
    pub count: usize,
}

/// A socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ConnectionJson {
    /// `address:port` it is bound to.
    pub local: String,
    /// `address:port` of its peer; all zeros if it has none.
    pub remote: String,
    /// TCP state, or `UDP`.
    pub state: &'static str,
}

/// The JSON contract of a process in detail.
pub fn json(details: &ProcessDetails) -> InfoJson {
    let window = details.cpu_window.as_ref();
    let connections = |connections: Vec<Connection>| connections.iter().map(ConnectionJson::from).collect();
    InfoJson {
        schema: "rgops.info/1",
        process: ProcessJson::new(&details.process),
        state: details.state.clone().into(),
        threads: details.threads.clone().into(),
        memory_percent: details.memory_percent.clone().into(),
        cpu_percent: details.cpu_percent.clone().into(),
        cpu_window_seconds: window.map(|(window, _)| window.as_secs_f64()),
        cpu_window_percent: window.map(|(_, usage)| usage.clone().into()),
        username: details.user.clone().into(),
        command: details.command.clone().into(),
        elapsed_seconds: details.elapsed.clone().map(|elapsed| elapsed.as_secs_f64()).into(),
        connections: details.connections.clone().map(connections).into(),
        suspended: details.suspension.as_ref().map(|suspension| suspension.state()),
        resident_bytes: details.resident_bytes.clone().into(),
        descriptors: details.descriptors.clone().into(),
        descriptors_limit: details.descriptors_limit.clone().into(),
        thread_groups: of_threads(details, |threads| {
            thread_groups(threads).into_iter().map(ThreadGroupJson::from).collect()
        }),
        thread_list: of_threads(details, |threads| threads.iter().map(ThreadJson::from).collect()),
        connection_groups: match &details.connections {
            Known::Value(connections) => {
                let groups = connection_groups(connections).into_iter().map(ConnectionGroupJson::from);
                Known::Value(groups.collect()).into()
            }
            Known::Unavailable(missing) => Known::Unavailable(missing.clone()).into(),
        },
    }
}

fn of_threads<T>(details: &ProcessDetails, make: impl Fn(&[Thread]) -> Vec<T>) -> JsonKnown<Vec<T>> {
    match &details.thread_list {
        Known::Value(threads) => Known::Value(make(threads)).into(),
        Known::Unavailable(missing) => Known::Unavailable(missing.clone()).into(),
    }
}

impl From<ThreadGroup> for ThreadGroupJson {
    fn from(ThreadGroup { name, count, cpu }: ThreadGroup) -> ThreadGroupJson {
        ThreadGroupJson { name, count, cpu_seconds: cpu.as_secs_f64() }
    }
}

impl From<&Thread> for ThreadJson {
    fn from(thread: &Thread) -> ThreadJson {
        ThreadJson {
            tid: thread.tid,
            name: thread.name.clone(),
            state: thread.state,
            cpu_seconds: thread.cpu.as_secs_f64(),
        }
    }
}

impl From<ConnectionGroup> for ConnectionGroupJson {
    fn from(ConnectionGroup { of, state, count }: ConnectionGroup) -> ConnectionGroupJson {
        ConnectionGroupJson { of, state, count }
    }
}

impl From<&Connection> for ConnectionJson {
    fn from(connection: &Connection) -> ConnectionJson {
        ConnectionJson {
            local: connection.local.to_string(),
            remote: connection.remote.to_string(),
            state: connection.state,
        }
    }
}
