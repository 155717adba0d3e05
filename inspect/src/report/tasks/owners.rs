//! Which thread belongs to which task.
//!
//! An answer may state that one thread polls any number of tasks, and that any number of threads poll one task. To
//! show each stack only once, a thread's stack is shown with one task, the first running one, and a task has one
//! thread. The others are only named.

use std::collections::HashMap;

use crate::report::stack::Thread;
use crate::tasks::model::{State, Task};

/// Threads and tasks by their indices.
#[derive(Debug, Clone)]
pub(super) struct Owners {
    /// Threads by id, and by the task that they poll; the first of several.
    by_tid: HashMap<u32, usize>,
    by_polled: HashMap<u64, usize>,
    /// Number of threads that poll each task.
    pollers: HashMap<u64, usize>,
    /// For each thread, the task that it is shown with.
    shown_at: HashMap<usize, usize>,
}

impl Owners {
    /// `polled` maps thread ids to the id of the task that the thread polls; 0 for none.
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

    /// The task that a thread is shown with.
    pub(super) fn shown_at(&self, thread: usize) -> Option<usize> {
        self.shown_at.get(&thread).copied()
    }

    /// The threads that are shown with a task.
    pub(super) fn shown(&self) -> impl Iterator<Item = usize> {
        self.shown_at.keys().copied()
    }

    /// Number of threads that poll a task, beyond the first.
    pub(super) fn further(&self, task: &Task) -> usize {
        self.pollers.get(&task.id).map_or(0, |count| count.saturating_sub(1))
    }
}
