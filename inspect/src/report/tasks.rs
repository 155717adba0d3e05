//! `rgops tasks`: every Tokio task and the `await` it is at, tasks at the same place together; who
//! waits for whom, and deadlocks first of all.

mod dot;
mod filter;
mod graph;
mod group;
mod header;
mod json;
mod names;
mod one;
mod stack;
#[cfg(test)]
mod tests;
mod thread;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use rgops_protocol::hello::AgentHello;

pub use filter::{Filter, WaitingOn};
pub use json::JsonTasks;

use super::stack::Thread;
use crate::budget::{Budget, Exhausted, MOST_MODULES};
use crate::symbols::{ModuleSymbols, Symbolizer};
use crate::tasks::graph::WaitGraph;
use crate::tasks::model::{Task, Tasks};

/// Task ids written out in a group's line.
const SHOWN_TASK_IDS: usize = 8;

/// The tasks of a process, named and ready to be shown.
#[derive(Debug, Clone)]
pub struct TasksReport {
    /// Name of the process.
    pub process: String,
    /// Its process id in its own pid namespace.
    pub pid: u32,
    /// The tasks.
    pub tasks: Tasks,
    /// Who waits for whom.
    pub graph: WaitGraph,
    /// The threads that were captured with the list, the agent's own left out, by thread id.
    pub threads: Vec<Thread>,
    /// For each of these threads the task it polls; 0 for none or unknown.
    pub polled: HashMap<u32, u64>,
    /// What each module gave for the threads' names, and why not more.
    pub modules: Vec<ModuleSymbols>,
    /// Why threads are missing; `None` when they are all there.
    pub exhausted: Option<Exhausted>,
    /// Index of each task by its header's address, to name what a `JoinHandle` waits for.
    by_header: HashMap<u64, usize>,
    /// Index of each thread by its id, and by the task it polls.
    by_tid: HashMap<u32, usize>,
    by_polled: HashMap<u64, usize>,
}

/// How much is shown.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Every task by itself, also those at the same place.
    pub all: bool,
    /// Types as the compiler names them, whole paths, and Tokio's own futures and frames.
    pub verbose: bool,
    /// Which tasks.
    pub filter: Filter,
    /// What people typed for the process, for the command to run next.
    pub target: String,
}

impl TasksReport {
    /// Names the threads' frames and finds who waits for whom. `local_pid` and `symbol_directories`
    /// are those of [`Symbolizer::new`].
    pub fn new(
        hello: &AgentHello,
        local_pid: Option<u32>,
        symbol_directories: &[PathBuf],
        tasks: Tasks,
    ) -> TasksReport {
        TasksReport::within(&Budget::default(), hello, local_pid, symbol_directories, tasks)
    }

    /// As [`TasksReport::new`], as far as the budget allows.
    pub fn within(
        budget: &Budget,
        hello: &AgentHello,
        local_pid: Option<u32>,
        symbol_directories: &[PathBuf],
        mut tasks: Tasks,
    ) -> TasksReport {
        tasks.modules.truncate(MOST_MODULES);
        let mut symbolizer = Symbolizer::with_budget(&tasks.modules, local_pid, symbol_directories, budget);
        let captured = std::mem::take(&mut tasks.threads);
        let listed: HashSet<u64> = tasks.tasks.iter().map(|task| task.id).collect();
        let is_listed = |task| listed.contains(&task);
        let (threads, polled, exhausted) =
            thread::named(budget, captured, is_listed, hello.pid, &tasks.modules, &mut symbolizer);
        let graph = WaitGraph::new(&tasks);
        let by_header =
            tasks.tasks.iter().enumerate().map(|(index, task)| (task.header_avma, index)).collect();
        let of_polled = |(index, thread): (usize, &Thread)| Some((*polled.get(&thread.tid)?, index));
        let by_polled = threads.iter().enumerate().rev().filter_map(of_polled).collect();
        TasksReport {
            process: hello.name.clone(),
            pid: hello.pid,
            graph,
            polled,
            modules: symbolizer.module_symbols().cloned().collect(),
            by_header,
            by_tid: threads.iter().enumerate().rev().map(|(index, thread)| (thread.tid, index)).collect(),
            by_polled,
            threads,
            exhausted,
            tasks,
        }
    }

    /// The report as text: what was found and what not; deadlocks; what runs; the other tasks of each
    /// runtime in groups, the largest first; what several wait for; and what to ask next.
    pub fn render(&self, view: &View) -> String {
        let mut text = String::new();
        self.header(&mut text, view);
        let selected = self.select(&view.filter);
        // Without a filter there are runtimes to tell of, and why they have no list.
        if selected.is_empty() && !view.filter.is_everything() {
            self.nothing(&mut text, &view.filter);
            return text;
        }
        if let Some(id) = view.filter.task {
            for index in selected {
                self.one(&mut text, index, view);
            }
            self.missing_names(&mut text);
            self.next_after_one(&mut text, id, view);
            return text;
        }
        self.deadlocks(&mut text, &selected, view);
        self.runtimes(&mut text, &selected, view);
        if view.filter.is_everything() {
            self.block_on_threads(&mut text, view);
        }
        self.waited_for(&mut text, &selected, view);
        self.missing_names(&mut text);
        self.next(&mut text, &selected, view);
        text
    }

    /// Whether tasks are missing in it, or their stacks could not even be tried: an answer in part.
    pub fn is_partial(&self) -> bool {
        let is_whole = |list: &rgops_protocol::reply::Known<_>| {
            list.value()
                .is_some_and(|list: &rgops_protocol::reply::tasks::TaskList| list.incomplete_shards == 0)
        };
        self.exhausted.is_some()
            || self.tasks.no_memory.is_some()
            || !self.tasks.runtimes.iter().all(|runtime| is_whole(&runtime.list))
    }

    fn task(&self, index: usize) -> &Task {
        &self.tasks.tasks[index]
    }

    /// The task whose header is at an address.
    fn with_header(&self, avma: u64) -> Option<usize> {
        self.by_header.get(&avma).copied()
    }

    /// The thread that polls a task.
    fn thread_of(&self, task: &Task) -> Option<&Thread> {
        // The first of several, as in the list.
        let index = match task.tid {
            Some(tid) => self.by_tid.get(&tid),
            None => self.by_polled.get(&task.id),
        };
        index.map(|index| &self.threads[*index])
    }
}
