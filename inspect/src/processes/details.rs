//! One process in detail, without its agent: `rgops PID`.

use std::net::SocketAddr;
use std::time::Duration;

use rgops_protocol::reply::Known;

use super::process::{RustProcess, Suspension};

/// The system's data about a process.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProcessDetails {
    /// Pid, parent, name, compiler and agent.
    pub process: RustProcess,
    /// State letter of proc(5): `S` sleeping, `T` stopped, …
    pub state: Known<char>,
    /// Why it does not run, if that is so: more than the letter tells.
    pub suspension: Option<Suspension>,
    /// Live threads.
    pub threads: Known<u64>,
    /// Resident memory, in bytes.
    pub resident_bytes: Known<u64>,
    /// Resident memory, in percent of the machine's.
    pub memory_percent: Known<f64>,
    /// CPU usage since it started, in percent of one CPU.
    pub cpu_percent: Known<f64>,
    /// CPU usage over a window, in percent of one CPU, and the window; only when requested.
    pub cpu_window: Option<(Duration, Known<f64>)>,
    /// Name of the effective user.
    pub user: Known<String>,
    /// The arguments, joined by spaces.
    pub command: Known<String>,
    /// Time since it started.
    pub elapsed: Known<Duration>,
    /// Its TCP and UDP sockets.
    pub connections: Known<Vec<Connection>>,
    /// Its threads, ascending by id.
    pub thread_list: Known<Vec<Thread>>,
    /// Open descriptors.
    pub descriptors: Known<u64>,
    /// How many it may open; `None`: any number.
    pub descriptors_limit: Known<Option<u64>>,
    /// Processes that could not be read in time during the search by name: they may have the same name.
    pub unseen: usize,
}

/// A thread of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thread {
    /// Its id.
    pub tid: u32,
    /// Its name, from the process itself: to be escaped.
    pub name: String,
    /// State letter of proc(5).
    pub state: char,
    /// CPU time since it started, or over the requested window.
    pub cpu: Duration,
}

/// A TCP or UDP socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// Where it is bound.
    pub local: SocketAddr,
    /// Its peer; all zero when it has none.
    pub remote: SocketAddr,
    /// TCP state as `LISTEN`, or `UDP`.
    pub state: &'static str,
}
