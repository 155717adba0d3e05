//! The whole document.

use rgops_protocol::reply::{End, Known, Unavailable};
use serde::Serialize;

use super::node::JsonNode;
use super::resource::JsonResource;
use super::task::{JsonBlockOn, JsonTask, Stacks};
use crate::report::document::Document;
use crate::report::known::{JsonKnown, JsonProcess};
use crate::report::screen::Room;
use crate::report::stack::{JsonFrame, Thread};
use crate::report::tasks::filter::Filter;
use crate::report::tasks::report::TasksReport;
use crate::report::tasks::words::runtime_kind;
use crate::tasks::model::{Counts, DebugInformation, DebugLevel};
use crate::text::known::words;

/// The whole report. Times are in nanoseconds, addresses are numbers, and tasks are referred to by id.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JsonTasks<'a> {
    /// The process, in its own pid namespace.
    pid: u32,
    name: &'a str,
    /// When the tasks were listed, since the Unix epoch.
    unix_ns: u64,
    list_ns: u64,
    decode_ns: u64,
    /// For all tasks, including those that the filter excludes.
    counts: JsonCounts,
    runtimes: Vec<JsonRuntime<'a>>,
    debug_information: Vec<JsonDebugInformation<'a>>,
    /// Why no memory was read; `null` if it was.
    no_memory: Option<JsonMissing<'a>>,
    /// Each distinct async stack once: tasks refer to it by index.
    stacks: Vec<JsonNode<'a>>,
    tasks: Vec<JsonTask<'a>>,
    /// Resources that tasks wait on or hold, most waiters first.
    resources: Vec<JsonWaited<'a>>,
    /// Tasks that wait for each other and for nothing else; empty if there are none.
    deadlocks: Vec<JsonDeadlock<'a>>,
    /// Threads that polled a task or were in `block_on`.
    threads: Vec<JsonThread<'a>>,
    /// Whether more tasks seem to run than threads can poll: their states are of different moments.
    running_is_approximate: bool,
}

/// The results for the listed tasks; the other fields add up to `listed`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonCounts {
    listed: u64,
    decoded: u64,
    cut: u64,
    running: u64,
    complete: u64,
    moved: u64,
    unknown: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonRuntime<'a> {
    name: &'a str,
    /// `current_thread`, `multi_thread` or `local_set`.
    kind: &'static str,
    workers: u32,
    /// Counted by Tokio.
    alive_tasks: JsonKnown<u64>,
    list: JsonKnown<JsonList>,
    /// The thread on whose stack it was found; absent if the program told the agent about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    found_on_thread: Option<u32>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonList {
    listed: u32,
    shards: u32,
    /// Number of lists that changed too fast: tasks may be missing.
    incomplete_shards: u32,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonDebugInformation<'a> {
    module: &'a str,
    file: Option<&'a str>,
    /// `nothing`, `future_names` or `await_points`.
    level: &'static str,
    /// What is left out and cannot be improved; empty if nothing is left out.
    note: &'a str,
    /// What to do to get more; empty if nothing helps.
    fix: &'a str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonMissing<'a> {
    reason: &'a str,
    fix: &'a str,
    /// `program` where the text comes from another user's program.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonWaited<'a> {
    #[serde(flatten)]
    resource: JsonResource<'a>,
    waiters: Vec<u64>,
    /// Tasks that hold it according to their saved guards.
    holders: Vec<u64>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonDeadlock<'a> {
    /// In order: each task waits on a resource that the next one holds, the last on one that the first holds.
    ring: Vec<JsonLink<'a>>,
    /// Further tasks in cycles with these.
    also: Vec<u64>,
    /// Tasks that wait for these, directly or through others.
    behind: Vec<u64>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonLink<'a> {
    task: u64,
    waits_on: JsonResource<'a>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonThread<'a> {
    tid: u32,
    name: &'a str,
    state: &'a str,
    /// The task that it polls; `null` for a thread in `block_on`, whose future is not a task.
    task: Option<u64>,
    /// Its native stack, innermost first; frames as in `rgops.stack/1`.
    frames: Vec<JsonFrame<'a>>,
    /// The future that it polls in `block_on`, where it waits there; otherwise `null`.
    block_on: Option<JsonBlockOn<'a>>,
}

impl<'a> JsonTasks<'a> {
    /// The tasks that pass `filter`, with the answer's notes or the reason why the answer ended early. If memory or
    /// time does not suffice, lists are cut, and that is the reason unless there is another one.
    pub fn document(
        report: &'a TasksReport,
        filter: &Filter,
        end: Result<&End, String>,
    ) -> Document<JsonTasks<'a>> {
        let mut stacks = Stacks::default();
        let selected = report.select(filter);
        let mut room = Room::new(&report.budget);
        let mut tasks = Vec::new();
        for index in &selected {
            let task = stacks.task(report, report.task(*index), &mut room);
            if !room.takes(&task) {
                break;
            }
            tasks.push(task);
        }
        let graph = &report.graph;
        let ids = |tasks: &[usize]| tasks.iter().map(|task| report.task(*task).id).collect::<Vec<u64>>();
        let is_selected = |tasks: &[usize]| tasks.iter().any(|task| selected.binary_search(task).is_ok());
        let resources = graph.resources.iter();
        let resources =
            resources.filter(|waited| is_selected(&waited.waiters) || is_selected(&waited.holders));
        let resources = room.fill(resources.map(|waited| JsonWaited {
            resource: report.json_resource(&waited.resource),
            waiters: ids(&waited.waiters),
            holders: ids(&waited.holders),
        }));
        let link = |(task, resource): &(usize, usize)| JsonLink {
            task: report.task(*task).id,
            waits_on: report.json_resource(&graph.resources[*resource].resource),
        };
        let deadlocks = room.fill(graph.deadlocks.iter().map(|deadlock| JsonDeadlock {
            ring: deadlock.ring.iter().map(link).collect(),
            also: ids(&deadlock.also),
            behind: ids(&deadlock.behind),
        }));
        let mut threads = Vec::new();
        for thread in report.shown_threads() {
            let future = report.tasks.block_on.get(&thread.tid);
            let block_on = future.map(|future| stacks.block_on(report, future, &mut room));
            let thread = report.json_thread(thread, block_on);
            if !room.takes(&thread) {
                break;
            }
            threads.push(thread);
        }
        let body = JsonTasks {
            pid: report.pid,
            name: &report.process,
            unix_ns: report.tasks.unix_ns,
            list_ns: report.tasks.list_ns,
            decode_ns: report.tasks.decode_ns,
            counts: JsonCounts::from(&report.tasks.counts),
            runtimes: report.tasks.runtimes.iter().map(JsonRuntime::from).collect(),
            debug_information: report
                .tasks
                .debug_information
                .iter()
                .map(JsonDebugInformation::from)
                .collect(),
            no_memory: report.tasks.no_memory.as_ref().map(JsonMissing::from),
            stacks: stacks.nodes,
            tasks,
            resources,
            deadlocks,
            threads,
            running_is_approximate: report.tasks.running_is_approximate,
        };
        let process = JsonProcess { pid: report.pid, name: report.process.clone() };
        Document::new("rgops.tasks/1", process, end, body, room.cut())
    }
}

impl TasksReport {
    /// The task that a thread polls.
    fn polls(&self, thread: &Thread) -> Option<u64> {
        self.polled.get(&thread.tid).copied().filter(|task| *task != 0)
    }

    fn shown_threads(&self) -> impl Iterator<Item = &Thread> {
        let polling = self.threads.iter().filter(move |thread| self.polls(thread).is_some());
        polling.chain(self.block_on().map(|(thread, _)| thread))
    }

    fn json_thread<'a>(&self, thread: &'a Thread, block_on: Option<JsonBlockOn<'a>>) -> JsonThread<'a> {
        JsonThread {
            tid: thread.tid,
            name: &thread.name,
            state: &thread.state,
            task: self.polls(thread),
            frames: thread.frames.iter().map(JsonFrame::from).collect(),
            block_on,
        }
    }
}

impl From<&Counts> for JsonCounts {
    fn from(counts: &Counts) -> JsonCounts {
        let Counts { listed, decoded, cut, running, complete, moved, unknown } = *counts;
        JsonCounts { listed, decoded, cut, running, complete, moved, unknown }
    }
}

impl<'a> From<&'a crate::tasks::model::Runtime> for JsonRuntime<'a> {
    fn from(runtime: &'a crate::tasks::model::Runtime) -> JsonRuntime<'a> {
        let list: Known<JsonList> = runtime.list.clone().map(|list| JsonList {
            listed: list.listed,
            shards: list.shards,
            incomplete_shards: list.incomplete_shards,
        });
        JsonRuntime {
            name: &runtime.name,
            kind: runtime_kind(runtime.kind),
            workers: runtime.workers,
            alive_tasks: runtime.alive_tasks.clone().into(),
            list: list.into(),
            found_on_thread: runtime.found_on,
        }
    }
}

impl<'a> From<&'a DebugInformation> for JsonDebugInformation<'a> {
    fn from(module: &'a DebugInformation) -> JsonDebugInformation<'a> {
        let level = match module.level {
            DebugLevel::Nothing => "nothing",
            DebugLevel::FutureNames => "future_names",
            DebugLevel::AwaitPoints => "await_points",
        };
        JsonDebugInformation {
            module: &module.module,
            file: module.file.as_deref(),
            level,
            note: &module.note,
            fix: &module.fix,
        }
    }
}

impl<'a> From<&'a Unavailable> for JsonMissing<'a> {
    fn from(missing: &'a Unavailable) -> JsonMissing<'a> {
        let (reason, source) = words(&missing.reason);
        JsonMissing { reason, fix: words(&missing.fix).0, source }
    }
}
