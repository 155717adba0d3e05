//! How long tasks waited, by async stack, from looks at random moments: half of the time between two looks at a task
//! belongs to each of them. A task that runs, or waits for a worker, does not wait for anything else.

use std::collections::HashMap;

use super::cause::{Cause, resource};
use super::path::{AsyncFrame, path};
use crate::tasks::graph::WaitGraph;
use crate::tasks::model::{State, Task, Tasks};
use crate::text::shown_name;

/// Distinct stacks that are kept.
const MOST_STACKS: usize = 10_000;

/// Who holds what a task waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TaskHolder {
    /// One task: its async stack, innermost first.
    Task(Vec<AsyncFrame>),
    /// Not known.
    Unknown,
}

/// How a task waits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TaskWait {
    /// Its async stack, innermost first.
    pub(crate) path: Vec<AsyncFrame>,
    /// The future that was spawned.
    pub(crate) future: String,
    /// For what.
    pub(crate) cause: Cause,
    /// Who holds it.
    pub(crate) holder: TaskHolder,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    ns: u64,
    seen: u64,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    at_ns: u64,
    wait: Option<usize>,
}

/// Sums over all looks so far.
#[derive(Debug, Default)]
pub(crate) struct TaskWaits {
    keys: HashMap<TaskWait, usize>,
    sums: Vec<Sum>,
    /// By header and id: memory is used again.
    last: HashMap<(u64, u64), Last>,
    pub(crate) looks: u64,
    pub(crate) left_out: u64,
    /// Looks at a task that changed while it was read.
    pub(crate) moved: u64,
}

impl TaskWaits {
    /// Adds a look, at a time that does not go back, in nanoseconds.
    pub(crate) fn look(&mut self, at_ns: u64, tasks: &Tasks, graph: &WaitGraph) {
        self.looks += 1;
        self.moved += tasks.counts.moved;
        let mut last = HashMap::with_capacity(tasks.tasks.len());
        for task in &tasks.tasks {
            let wait = match task.state {
                State::Idle => self.wait(task, tasks, graph),
                _ => None,
            };
            let id = (task.header_avma, task.id);
            let before = self.last.get(&id).copied();
            if let Some(before) = before {
                let time_ns = at_ns.saturating_sub(before.at_ns);
                if let Some(wait) = before.wait {
                    self.sums[wait].ns += time_ns / 2;
                }
                if let Some(wait) = wait {
                    self.sums[wait].ns += time_ns - time_ns / 2;
                }
            }
            if let Some(wait) = wait
                && before.is_none_or(|before| before.wait != Some(wait))
            {
                self.sums[wait].seen += 1;
            }
            last.insert(id, Last { at_ns, wait });
        }
        self.last = last;
    }

    fn wait(&mut self, task: &Task, tasks: &Tasks, graph: &WaitGraph) -> Option<usize> {
        let cause = Cause::of_task(task);
        let future = task.future.as_ref().map(|name| shown_name(&name.short));
        let holder = if cause.is_lock { holder(task, tasks, graph) } else { TaskHolder::Unknown };
        let path = path(task, future.as_deref());
        let wait = TaskWait { path, future: future.unwrap_or_default(), cause, holder };
        if let Some(known) = self.keys.get(&wait) {
            return Some(*known);
        }
        if self.sums.len() >= MOST_STACKS {
            self.left_out += 1;
            return None;
        }
        self.sums.push(Sum::default());
        self.keys.insert(wait, self.sums.len() - 1);
        Some(self.sums.len() - 1)
    }

    /// How tasks waited, for how many nanoseconds, and how many different waits were seen.
    pub(crate) fn waits(&self) -> impl Iterator<Item = (&TaskWait, u64, u64)> {
        let all = self.keys.iter().map(|(wait, at)| (wait, self.sums[*at].ns, self.sums[*at].seen));
        all.filter(|(_, ns, _)| *ns > 0)
    }
}

/// The task that holds what a task waits for, if there is exactly one.
fn holder(task: &Task, tasks: &Tasks, graph: &WaitGraph) -> TaskHolder {
    let holders = resource(task).and_then(|resource| graph.find(resource)).map(|waited| &*waited.holders);
    match holders.and_then(|holders| <[usize; 1]>::try_from(holders).ok()) {
        Some([holder]) if let Some(holder) = tasks.tasks.get(holder) => {
            let future = holder.future.as_ref().map(|name| shown_name(&name.short));
            TaskHolder::Task(path(holder, future.as_deref()))
        }
        _ => TaskHolder::Unknown,
    }
}
