//! The tasks of an answer, their threads with named frames, and the wait-for graph.

use std::collections::HashMap;
use std::path::PathBuf;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::tasks::RuntimeKind;

use super::named::Named;
use super::owners::Owners;
use crate::budget::{self, Budget, Exhausted};
use crate::processes::Connection;
use crate::report::stack::{Runtimes, Thread, are_nameless, tell_apart};
use crate::symbols::ModuleSymbols;
use crate::tasks::graph::WaitGraph;
use crate::tasks::model::{Task, Tasks};
use crate::tasks::watch::Watched;

/// The tasks of a process, named and ready to be shown.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TasksReport {
    /// Name of the process.
    pub process: String,
    /// Its process id in its own pid namespace.
    pub pid: u32,
    /// The target in the suggested next command; the pid unless it is set to what the user typed.
    pub target: String,
    /// The tasks.
    pub tasks: Tasks,
    /// Who waits for whom.
    pub graph: WaitGraph,
    /// The threads that were captured with the list, by thread id, without the agent's own.
    pub threads: Vec<Thread>,
    /// For each of these threads, the task that it polls; 0 for none or unknown.
    pub polled: HashMap<u32, u64>,
    /// Which names each module provides for the threads, and why not more.
    pub modules: Vec<ModuleSymbols>,
    /// Why threads are missing; `None` if none are.
    pub exhausted: Option<Exhausted>,
    /// Which tasks did not move while they were watched; `None` if they were not.
    pub watched: Option<Watched>,
    /// Index of each task by the address of its header, to name the task that a `JoinHandle` waits for.
    pub(super) by_header: HashMap<u64, usize>,
    pub(super) owners: Owners,
    /// Sockets by descriptor, as far as they are known.
    pub(super) sockets: HashMap<u32, Connection>,
    /// Indices of each runtime's tasks.
    pub(super) by_runtime: Vec<Vec<usize>>,
    /// The budget for writing it.
    pub(super) budget: Budget,
}

impl TasksReport {
    /// Names the frames of the threads and builds the wait-for graph. For `local_pid` and `symbol_directories`
    /// see [`Symbolizer::new`](crate::symbols::Symbolizer::new).
    pub fn new(
        hello: &AgentHello,
        local_pid: Option<u32>,
        symbol_directories: &[PathBuf],
        tasks: Tasks,
    ) -> TasksReport {
        TasksReport::within(&budget::standard(), hello, local_pid, symbol_directories, tasks)
    }

    /// Like [`TasksReport::new`], within the budget.
    pub fn within(
        budget: &Budget,
        hello: &AgentHello,
        local_pid: Option<u32>,
        symbol_directories: &[PathBuf],
        mut tasks: Tasks,
    ) -> TasksReport {
        let named = Named::of(budget, hello, local_pid, symbol_directories, &mut tasks);
        TasksReport::of_named(budget, hello, local_pid, tasks, named)
    }

    /// The report of tasks whose threads were named before.
    pub(crate) fn of_named(
        budget: &Budget,
        hello: &AgentHello,
        local_pid: Option<u32>,
        tasks: Tasks,
        named: Named,
    ) -> TasksReport {
        let Named { mut threads, polled, exhausted, modules } = named;
        if are_nameless(&threads) {
            tell_apart(&mut threads, runtimes(&tasks));
        }
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
            target: local_pid.unwrap_or(hello.pid).to_string(),
            graph,
            modules,
            by_header,
            owners: Owners::new(&threads, &polled, &tasks.tasks),
            by_runtime,
            sockets: HashMap::new(),
            watched: None,
            budget: budget.clone(),
            polled,
            threads,
            exhausted,
            tasks,
        }
    }

    /// Whether it is incomplete: tasks are missing, or no memory was read for their stacks.
    pub fn is_partial(&self) -> bool {
        let is_whole = |list: &rgops_protocol::reply::Known<_>| {
            list.value()
                .is_some_and(|list: &rgops_protocol::reply::tasks::TaskList| list.incomplete_shards == 0)
        };
        self.exhausted.is_some()
            || self.lacks_tasks()
            || self.tasks.no_memory.is_some()
            || !self.tasks.runtimes.iter().all(|runtime| is_whole(&runtime.list))
    }

    /// For how long a task did not move, in nanoseconds, as far as it was watched.
    pub(super) fn unmoved_ns(&self, task: &Task) -> Option<u64> {
        let watched = self.watched.as_ref()?;
        watched.unmoved.contains(&task.header_avma).then_some(watched.for_ns)
    }

    pub(super) fn task(&self, index: usize) -> &Task {
        &self.tasks.tasks[index]
    }

    /// The task whose header is at an address.
    pub(super) fn with_header(&self, avma: u64) -> Option<usize> {
        self.by_header.get(&avma).copied()
    }

    /// The thread that polls a task.
    pub(super) fn thread_of(&self, task: &Task) -> Option<&Thread> {
        self.owners.of(task).map(|thread| &self.threads[thread])
    }

    /// The thread that polls a task, if its stack is shown with this task.
    pub(super) fn own_thread(&self, index: usize) -> Option<&Thread> {
        let thread = self.owners.of(self.task(index))?;
        (self.owners.shown_at(thread) == Some(index)).then(|| &self.threads[thread])
    }

    /// The task that its thread's stack is shown with, if that is another task.
    pub(super) fn shown_elsewhere(&self, index: usize) -> Option<&Task> {
        let other = self.owners.shown_at(self.owners.of(self.task(index))?)?;
        (other != index).then(|| self.task(other))
    }
}

/// The multi-threaded runtimes of an answer; `None` if the agent watches none at all.
fn runtimes(tasks: &Tasks) -> Option<Runtimes> {
    let threaded = tasks.runtimes.iter().filter(|runtime| runtime.kind == RuntimeKind::MultiThread);
    let workers = threaded.clone().map(|runtime| runtime.workers as usize).sum();
    tasks.has_watched().then(|| Runtimes { count: threaded.count(), workers })
}
