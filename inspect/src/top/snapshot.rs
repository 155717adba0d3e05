//! The rows of one interval.

use serde::Serialize;

use crate::report::known::JsonKnown;
use crate::report::stack::{Activity, Role};
use crate::report::stats::JsonRuntime;

/// A program in one interval. Every part may be missing, with the reason.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Snapshot {
    /// End of the interval since the Unix epoch.
    pub unix_ns: u64,
    /// Length of the interval in which shares were measured.
    pub window_ns: u64,
    /// CPU time of the program in it, also of threads that ended, without the agent's.
    pub cpu_ns: u64,
    /// CPUs that the process may use.
    pub cpus: JsonKnown<u32>,
    /// CPU time that the agent used since the previous snapshot; in the first, in the interval.
    pub agent_cpu_ns: JsonKnown<u64>,
    /// Whether the interval is longer than asked, so that the agent uses at most 1 % of a CPU.
    pub is_stretched: bool,
    /// Open descriptors.
    pub descriptors: JsonKnown<u64>,
    /// Every thread of the program, the busiest first; without the agent's.
    pub threads: Vec<ThreadRow>,
    /// Why no thread has a stack; `null` if they have.
    pub stacks_missing: Option<String>,
    /// Tokio tasks by the function they were spawned with, the most numerous first.
    pub tasks: Part<TaskRow>,
    /// Functions that used the CPU, the hottest first.
    pub functions: Part<FunctionRow>,
    /// Watched Tokio runtimes with their workers.
    pub runtimes: Vec<JsonRuntime>,
    /// The parts of resident memory, the largest first.
    pub memory: Part<MemoryRow>,
}

impl Snapshot {
    /// Whether a command of the round failed.
    pub fn is_partial(&self) -> bool {
        let missing = [&self.stacks_missing, &self.tasks.missing, &self.functions.missing];
        missing.iter().any(|missing| missing.is_some())
    }
}

/// Rows of one command, or why there are none.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Part<Row> {
    /// The rows.
    pub rows: Vec<Row>,
    /// What is missing, and why; `null` if nothing is.
    pub missing: Option<String>,
}

impl<Row> Part<Row> {
    /// All rows.
    pub(crate) fn whole(rows: Vec<Row>) -> Part<Row> {
        Part { rows, missing: None }
    }

    /// No rows, and the reason.
    pub(crate) fn missing(why: impl Into<String>) -> Part<Row> {
        Part { rows: Vec::new(), missing: Some(why.into()) }
    }
}

/// A thread.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ThreadRow {
    /// Thread id.
    pub tid: u32,
    /// Its name.
    pub name: String,
    /// Its role; `null` if its stack was not captured.
    pub role: Option<Role>,
    /// What it was doing when its stack was captured.
    pub activity: Option<Activity>,
    /// `running`, `futex wait`, …
    pub state: String,
    /// Time on a CPU in the interval.
    pub running_ns: JsonKnown<u64>,
    /// Time in the interval in which it was ready to run and had no CPU.
    pub runnable_ns: JsonKnown<u64>,
    /// Its innermost function of the program's own code, otherwise its innermost function.
    pub function: Option<String>,
    /// Its stack, innermost function first. Only on the screen: `rgops stack` has it with lines.
    #[serde(skip)]
    pub stack: Vec<String>,
}

/// Tasks that were spawned with the same function.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TaskRow {
    /// The function; `null` without symbols.
    pub name: Option<String>,
    /// Number of tasks.
    pub tasks: u64,
    /// Of them, being polled.
    pub running: u64,
    /// Of them, in a run queue.
    pub scheduled: u64,
    /// Of them, waiting.
    pub idle: u64,
    /// Of them, ended and not yet removed.
    pub complete: u64,
    /// How many more than in the previous snapshot; `null` in the first.
    pub grown_by: Option<i64>,
    /// The async stack of one of them, outermost first. Only on the screen.
    #[serde(skip)]
    pub stack: Vec<String>,
}

/// A function that used the CPU.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FunctionRow {
    /// Its name.
    pub name: String,
    /// CPU time of the function itself.
    pub flat_ns: i64,
    /// CPU time of the function and of what it called.
    pub cum_ns: i64,
}

/// A part of resident memory.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MemoryRow {
    /// `rss`, `live-heap`, …
    pub name: String,
    /// Its bytes.
    pub bytes: i64,
    /// What it is.
    pub what: String,
}
