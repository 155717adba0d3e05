//! `rgops schedtrace` as text, one line a runtime and interval, and as JSON, one object a line.

use rgops_protocol::reply::Known;
use rgops_protocol::reply::tasks::RuntimeKind;
use rgops_protocol::schedtrace_line::SchedLine;
use serde::Serialize;

use super::known::JsonKnown;
use super::text::escape;
use crate::schedtrace::{RuntimeLine, Source, Worker};

/// The line of a runtime, with its line end.
pub fn render(line: &RuntimeLine) -> String {
    let runtime = escape(&line.runtime);
    let text = SchedLine {
        elapsed_ms: line.elapsed_ns / 1_000_000,
        runtime: &runtime,
        workers: line.workers.len() as u64,
        idle_workers: Some(line.idle_workers()),
        searching: line.searching.value().copied(),
        threads: line.threads.value().copied(),
        blocking: line.blocking_threads.value().copied(),
        idle_blocking: line.idle_blocking_threads.value().copied(),
        blocking_queue: line.blocking_queue.value().copied(),
        run_queue: Some(line.global_queue),
        local_queues: line.workers.iter().map(|worker| worker.queue.value().copied()).collect(),
        busy_percent: line.workers.iter().map(|worker| worker.busy_percent).collect(),
        alive: Some(line.alive_tasks),
    };
    format!("{text}\n")
}

/// A line in JSON, `rgops.schedtrace/1`.
#[derive(Debug, Clone, Serialize)]
pub struct JsonSchedtrace {
    /// `rgops.schedtrace/1`.
    pub schema: &'static str,
    /// Process id in the agent's own pid namespace.
    pub pid: u32,
    /// Time since the trace began.
    pub elapsed_ms: u64,
    /// Time since the line before; what `busy_ns` is a part of.
    pub interval_ns: u64,
    /// The runtime's name.
    pub runtime: String,
    /// `current_thread` or `multi_thread`.
    pub kind: &'static str,
    /// Whether it was shut down; it has no workers then.
    pub shut_down: bool,
    /// Its workers, by index.
    pub workers: Vec<JsonWorker>,
    /// Workers that are parked.
    pub idle_workers: u64,
    /// Workers that search for work.
    pub searching: JsonKnown<u64>,
    /// Threads of the process.
    pub threads: JsonKnown<u64>,
    /// Threads of the blocking pool, the workers left out.
    pub blocking_threads: JsonKnown<u64>,
    /// Of these, idle.
    pub idle_blocking_threads: JsonKnown<u64>,
    /// Closures that wait for a blocking thread.
    pub blocking_queue: JsonKnown<u64>,
    /// Tasks in the global queue.
    pub global_queue: u64,
    /// Tasks that have not ended.
    pub alive_tasks: u64,
    /// Where numbers come from that stable Tokio does not tell: `memory`, `tokio_unstable` or `none`.
    pub source: &'static str,
}

/// A worker.
#[derive(Debug, Clone, Serialize)]
pub struct JsonWorker {
    /// Whether it is parked.
    pub parked: bool,
    /// Parks since the runtime began.
    pub parks: u64,
    /// Busy time of the interval, a stuck poll included.
    pub busy_ns: JsonKnown<u64>,
    /// Tasks in its own queue, the LIFO slot left out.
    pub local_queue: JsonKnown<u64>,
    /// Polls since the runtime began.
    pub polls: JsonKnown<u64>,
}

impl JsonSchedtrace {
    /// The JSON form of a line.
    pub fn new(pid: u32, line: &RuntimeLine) -> JsonSchedtrace {
        JsonSchedtrace {
            schema: "rgops.schedtrace/1",
            pid,
            elapsed_ms: line.elapsed_ns / 1_000_000,
            interval_ns: line.interval_ns,
            runtime: line.runtime.clone(),
            kind: kind(line.kind),
            shut_down: line.is_shut_down(),
            workers: line.workers.iter().map(worker).collect(),
            idle_workers: line.idle_workers(),
            searching: line.searching.clone().into(),
            threads: line.threads.clone().into(),
            blocking_threads: line.blocking_threads.clone().into(),
            idle_blocking_threads: line.idle_blocking_threads.clone().into(),
            blocking_queue: line.blocking_queue.clone().into(),
            global_queue: line.global_queue,
            alive_tasks: line.alive_tasks,
            source: match line.source {
                Source::Memory => "memory",
                Source::Unstable => "tokio_unstable",
                Source::None => "none",
            },
        }
    }
}

fn kind(kind: RuntimeKind) -> &'static str {
    match kind {
        RuntimeKind::CurrentThread => "current_thread",
        RuntimeKind::MultiThread => "multi_thread",
        RuntimeKind::LocalSet => "local_set",
    }
}

fn worker(worker: &Worker) -> JsonWorker {
    JsonWorker {
        parked: worker.parked,
        parks: worker.parks,
        busy_ns: worker.busy_ns.clone().into(),
        local_queue: worker.queue.clone().into(),
        polls: worker.polls.clone().into(),
    }
}

/// Why numbers of a line are missing, each reason once, with the numbers' names.
pub fn missing(line: &RuntimeLine) -> Vec<String> {
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    let mut add = |name: &'static str, known: &Known<u64>| {
        let Known::Unavailable(missing) = known else { return };
        let reason = match missing.fix.as_str() {
            "" => missing.reason.clone(),
            fix => format!("{}; fix: {fix}", missing.reason),
        };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) if names.contains(&name) => {}
            Some((_, names)) => names.push(name),
            None => reasons.push((reason, vec![name])),
        }
    };
    add("threads", &line.threads);
    add("searching", &line.searching);
    add("blocking", &line.blocking_threads);
    add("idleblocking", &line.idle_blocking_threads);
    add("blockingqueue", &line.blocking_queue);
    for worker in &line.workers {
        add("the local queues", &worker.queue);
        add("busy", &worker.busy_ns);
    }
    reasons
        .into_iter()
        .map(|(reason, names)| format!("runtime {}: no {}: {reason}", line.runtime, names.join(", ")))
        .collect()
}
