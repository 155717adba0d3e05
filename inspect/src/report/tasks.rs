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
mod owners;
mod shapes;
mod stack;
#[cfg(test)]
mod tests;
mod thread;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use rgops_protocol::hello::AgentHello;

pub use filter::{Filter, WaitingOn};
pub use json::JsonTasks;

use super::screen::Screen;
use super::stack::Thread;
use crate::budget::{self, Budget, Exhausted, MOST_MODULES};
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
    owners: owners::Owners,
    /// Indices of each runtime's tasks.
    by_runtime: Vec<Vec<usize>>,
    /// What it is written with.
    budget: Budget,
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
        TasksReport::within(&budget::standard(), hello, local_pid, symbol_directories, tasks)
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
        let mut by_runtime = vec![Vec::new(); tasks.runtimes.len()];
        for (index, task) in tasks.tasks.iter().enumerate() {
            if let Some(of) = by_runtime.get_mut(task.runtime) {
                of.push(index);
            }
        }
        TasksReport {
            process: hello.name.clone(),
            pid: hello.pid,
            graph,
            modules: symbolizer.module_symbols().cloned().collect(),
            by_header,
            owners: owners::Owners::new(&threads, &polled, &tasks.tasks),
            by_runtime,
            budget: budget.clone(),
            polled,
            threads,
            exhausted,
            tasks,
        }
    }

    /// The report as text: what was found and what not; deadlocks; what runs; the other tasks of each
    /// runtime in groups, the largest first; what several wait for; and what to ask next.
    pub fn render(&self, view: &View) -> String {
        self.screen(view).into_text()
    }

    /// As [`TasksReport::render`]; what there was no memory or time for is left out, and said to be.
    pub fn screen(&self, view: &View) -> Screen {
        let mut text = Screen::new(&self.budget);
        self.write(&mut text, view);
        text.finish();
        text
    }

    fn write(&self, text: &mut Screen, view: &View) {
        self.header(text, view);
        let selected = self.select(&view.filter);
        // Without a filter there are runtimes to tell of, and why they have no list.
        if selected.is_empty() && !view.filter.is_everything() {
            return self.nothing(text, &view.filter);
        }
        if let Some(id) = view.filter.task {
            for index in selected {
                if text.is_cut() {
                    return;
                }
                self.one(text, index, view);
            }
            self.missing_names(text);
            return self.next_after_one(text, id, view);
        }
        self.deadlocks(text, &selected, view);
        self.runtimes(text, &selected, view);
        if view.filter.is_everything() {
            self.block_on_threads(text, view);
        }
        self.waited_for(text, &selected, view);
        self.missing_names(text);
        self.next(text, &selected, view);
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
        self.owners.of(task).map(|thread| &self.threads[thread])
    }

    /// The same, if its stack is shown with this task.
    fn own_thread(&self, index: usize) -> Option<&Thread> {
        let thread = self.owners.of(self.task(index))?;
        (self.owners.shown_at(thread) == Some(index)).then(|| &self.threads[thread])
    }

    /// The task with which its thread's stack is shown, where that is another one.
    fn shown_elsewhere(&self, index: usize) -> Option<&Task> {
        let other = self.owners.shown_at(self.owners.of(self.task(index))?)?;
        (other != index).then(|| self.task(other))
    }
}
