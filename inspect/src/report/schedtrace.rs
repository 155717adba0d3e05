//! `rgops schedtrace` as text, one line per runtime and interval, and as JSON, one object per line.

use std::collections::HashMap;

use rgops_protocol::reply::tasks::RuntimeKind;
use rgops_protocol::reply::{End, Known};
use rgops_protocol::schedtrace_line::{SchedLine, TaskLine, WorkerLine};
use serde::Serialize;

use super::document::Document;
use super::known::{JsonKnown, JsonProcess};
use crate::schedtrace::{BusyTask, RuntimeLine, Source, Worker, WorkerDetail};
use crate::text::known::sentence;
use crate::text::{escape, shown_name};

/// The line of a runtime, with a newline.
pub fn render(line: &RuntimeLine) -> String {
    let runtime = escape(&line.runtime);
    let text = SchedLine {
        elapsed_ms: line.elapsed_ns / 1_000_000,
        runtime: &runtime,
        workers: (line.workers.len() as u64).saturating_add(line.workers_left_out),
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
        is_approximate: line.is_approximate(),
    };
    let mut lines = format!("{text}\n");
    if let Some(detail) = &line.detail {
        for (index, (worker, detail)) in line.workers.iter().zip(&detail.workers).enumerate() {
            lines.push_str(&format!("{}\n", worker_line(index, worker, detail)));
        }
        if line.workers_left_out > 0 {
            lines.push_str(&format!("W…: and {} more workers\n", line.workers_left_out));
        }
        for task in &detail.tasks {
            let name = task.name.as_deref().map(shown_name);
            let task =
                TaskLine { id: task.id, state: task.state, worker: task.worker, name: name.as_deref() };
            lines.push_str(&format!("{task}\n"));
        }
        if detail.tasks_left_out > 0 {
            lines.push_str(&format!("T…: and {} more tasks that are not idle\n", detail.tasks_left_out));
        }
    }
    lines
}

fn worker_line(index: usize, worker: &Worker, detail: &WorkerDetail) -> WorkerLine<'static> {
    WorkerLine {
        index,
        tid: detail.tid.value().copied().map(u64::from),
        state: worker_state(worker, detail),
        task: detail.task.value().copied().filter(|task| *task > 0),
        queue: worker.queue.value().copied(),
        lifo: detail.lifo.value().copied(),
        polls: worker.polls.value().copied(),
        parks: Some(worker.parks),
    }
}

/// `polling` a task, `parked`, `searching` for work, or `running`: between these, or unknown. `None` for a runtime
/// that may not be driven by any thread.
fn worker_state(worker: &Worker, detail: &WorkerDetail) -> Option<&'static str> {
    if worker.busy_percent.is_none() && detail.tid.value().is_none() {
        return None;
    }
    Some(match (detail.task.value(), worker.parked, detail.is_searching.value()) {
        (Some(1..), ..) => "polling",
        (_, true, _) => "parked",
        (_, false, Some(true)) => "searching",
        _ => "running",
    })
}

/// A line in JSON, `rgops.schedtrace/1`.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonSchedtrace {
    /// Process id in the agent's own pid namespace.
    pub pid: u32,
    /// Time since the trace started.
    pub elapsed_ms: u64,
    /// Time since the previous line, of which `busy_ns` is a part.
    pub interval_ns: u64,
    /// The runtime's name.
    pub runtime: String,
    /// `current_thread` or `multi_thread`.
    pub kind: &'static str,
    /// Whether it was shut down; then it has no workers.
    pub shut_down: bool,
    /// Its workers, by index; at most 4,096.
    pub workers: Vec<JsonWorker>,
    /// Number of further workers; absent if 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub workers_left_out: u64,
    /// Workers that are parked.
    pub idle_workers: u64,
    /// Workers that are searching for work.
    pub searching: JsonKnown<u64>,
    /// Threads of the process.
    pub threads: JsonKnown<u64>,
    /// Threads of the blocking pool, without the workers.
    pub blocking_threads: JsonKnown<u64>,
    /// Idle threads of the blocking pool.
    pub idle_blocking_threads: JsonKnown<u64>,
    /// Closures that wait for a blocking thread.
    pub blocking_queue: JsonKnown<u64>,
    /// Tasks in the global queue.
    pub global_queue: u64,
    /// Tasks that are not complete.
    pub alive_tasks: u64,
    /// Source of the numbers that stable Tokio does not report: `memory`, `tokio_unstable` or `none`.
    pub source: &'static str,
    /// With `--detail`: tasks that are not idle, at most 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Vec<JsonBusyTask>>,
    /// With `--detail`: number of further tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks_left_out: Option<u64>,
    /// Whether the numbers of queued tasks are of another moment than those of the workers; absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub approximate: bool,
}

/// A task that is not idle.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonBusyTask {
    /// Its id.
    pub id: u64,
    /// `running`, `scheduled` or `complete`.
    pub state: &'static str,
    /// Index of the worker that polls it.
    pub worker: Option<u64>,
    /// The future it was spawned with, if known.
    pub name: Option<String>,
}

/// A worker.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonWorker {
    /// Whether it is parked.
    pub parked: bool,
    /// Parks since the runtime started.
    pub parks: u64,
    /// Busy time in the interval, including a stuck poll.
    pub busy_ns: JsonKnown<u64>,
    /// Tasks in its local queue, without the LIFO slot.
    pub local_queue: JsonKnown<u64>,
    /// Polls since the runtime started.
    pub polls: JsonKnown<u64>,
    /// Fields added by `--detail`.
    #[serde(flatten)]
    pub detail: Option<JsonWorkerDetail>,
}

/// Fields that `--detail` adds to a worker.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonWorkerDetail {
    /// Its thread.
    pub tid: JsonKnown<u32>,
    /// `polling`, `parked`, `searching` or `running`.
    pub state: Option<&'static str>,
    /// The task it polls; `null` for none.
    pub task: JsonKnown<Option<u64>>,
    /// Tasks in its LIFO slot.
    pub lifo: JsonKnown<u64>,
}

impl JsonSchedtrace {
    /// The JSON form of a line.
    pub fn document(process: JsonProcess, line: &RuntimeLine) -> Document<JsonSchedtrace> {
        let body = JsonSchedtrace {
            pid: process.pid,
            elapsed_ms: line.elapsed_ns / 1_000_000,
            interval_ns: line.interval_ns,
            runtime: line.runtime.clone(),
            kind: kind(line.kind),
            shut_down: line.is_shut_down(),
            workers: workers(line),
            workers_left_out: line.workers_left_out,
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
            tasks: line.detail.as_ref().map(|detail| detail.tasks.iter().map(busy_task).collect()),
            tasks_left_out: line.detail.as_ref().map(|detail| detail.tasks_left_out),
            approximate: line.is_approximate(),
        };
        Document::new("rgops.schedtrace/1", process, Ok(&End::default()), body, None)
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn kind(kind: RuntimeKind) -> &'static str {
    match kind {
        RuntimeKind::CurrentThread => "current_thread",
        RuntimeKind::MultiThread => "multi_thread",
        RuntimeKind::LocalSet => "local_set",
    }
}

fn busy_task(task: &BusyTask) -> JsonBusyTask {
    JsonBusyTask { id: task.id, state: task.state, worker: task.worker, name: task.name.clone() }
}

fn workers(line: &RuntimeLine) -> Vec<JsonWorker> {
    let detail = |index: usize| line.detail.as_ref()?.workers.get(index);
    line.workers.iter().enumerate().map(|(index, one)| worker(one, detail(index))).collect()
}

fn worker(worker: &Worker, detail: Option<&WorkerDetail>) -> JsonWorker {
    JsonWorker {
        parked: worker.parked,
        parks: worker.parks,
        busy_ns: worker.busy_ns.clone().into(),
        local_queue: worker.queue.clone().into(),
        polls: worker.polls.clone().into(),
        detail: detail.map(|detail| JsonWorkerDetail {
            tid: detail.tid.clone().into(),
            state: worker_state(worker, detail),
            task: detail.task.clone().map(|task| (task > 0).then_some(task)).into(),
            lifo: detail.lifo.clone().into(),
        }),
    }
}

/// Why numbers of a line are missing, each reason once with the names of the numbers; and how many workers are shown.
pub fn missing(line: &RuntimeLine) -> Vec<String> {
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut add = |name: &'static str, known: &Known<u64>| {
        let Known::Unavailable(missing) = known else { return };
        let reason = sentence(missing);
        match places.get(&reason).map(|place| &mut reasons[*place].1) {
            Some(names) if names.contains(&name) => {}
            Some(names) => names.push(name),
            None => {
                places.insert(reason.clone(), reasons.len());
                reasons.push((reason, vec![name]));
            }
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
    for worker in line.detail.iter().flat_map(|detail| &detail.workers) {
        add("tid", &worker.tid.clone().map(u64::from));
        add("task", &worker.task);
        add("lifo", &worker.lifo);
    }
    let shown = line.workers.len() as u64;
    let workers = (line.workers_left_out > 0).then(|| {
        let all = shown.saturating_add(line.workers_left_out);
        format!("runtime {}: {shown} of {all} workers shown", line.runtime)
    });
    let reasons = reasons.into_iter().map(|(reason, names)| {
        format!("runtime {}: {} unavailable: {reason}", line.runtime, names.join(", "))
    });
    workers.into_iter().chain(reasons).collect()
}
