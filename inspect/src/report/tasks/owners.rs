//! Which thread goes with which task.
//!
//! An answer may say of any number of tasks that one thread polls them, and of any number of threads that
//! they poll one task. A thread's stack is shown with one task only, the first that runs, and a task has
//! one thread: the others are named. So no stack is written twice.

use std::collections::HashMap;

use crate::report::stack::Thread;
use crate::tasks::model::{State, Task};

/// Threads and tasks by their indices.
#[derive(Debug, Clone)]
pub(super) struct Owners {
    /// Each thread by its id, and by the task it polls: the first of several.
    by_tid: HashMap<u32, usize>,
    by_polled: HashMap<u64, usize>,
    /// How many threads say that they poll a task.
    pollers: HashMap<u64, usize>,
    /// For each thread the task with which it is shown.
    shown_at: HashMap<usize, usize>,
}

impl Owners {
    /// `polled` has the task that each thread polls, by their ids; 0 for none.
    pub(super) fn new(threads: &[Thread], polled: &HashMap<u32, u64>, tasks: &[Task]) -> Owners {
        let mut owners = Owners {
            by_tid: HashMap::new(),
            by_polled: HashMap::new(),
            pollers: HashMap::new(),
            shown_at: HashMap::new(),
        };
        for (index, thread) in threads.iter().enumerate() {
            owners.by_tid.entry(thread.tid).or_insert(index);
            if let Some(task) = polled.get(&thread.tid).filter(|task| **task != 0) {
                owners.by_polled.entry(*task).or_insert(index);
                *owners.pollers.entry(*task).or_default() += 1;
            }
        }
        let running = |task: &&(usize, &Task)| task.1.state == State::Running;
        let tasks: Vec<(usize, &Task)> = tasks.iter().enumerate().collect();
        for (index, task) in tasks.iter().filter(running).chain(&tasks) {
            if let Some(thread) = owners.of(task) {
                owners.shown_at.entry(thread).or_insert(*index);
            }
        }
        owners
    }

    /// The thread that polls a task.
    pub(super) fn of(&self, task: &Task) -> Option<usize> {
        let found = match task.tid {
            Some(tid) => self.by_tid.get(&tid),
            None => self.by_polled.get(&task.id),
        };
        found.copied()
    }

    /// The task with which a thread is shown.
    pub(super) fn shown_at(&self, thread: usize) -> Option<usize> {
        self.shown_at.get(&thread).copied()
    }

    /// The threads that are shown with a task.
    pub(super) fn shown(&self) -> impl Iterator<Item = usize> {
        self.shown_at.keys().copied()
    }

    /// How many more threads than one say that they poll a task.
    pub(super) fn further(&self, task: &Task) -> usize {
        self.pollers.get(&task.id).map_or(0, |count| count.saturating_sub(1))
    }
}
