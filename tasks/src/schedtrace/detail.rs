//! `--detail`: the thread of each worker, the task that it polls, and the tasks that are not idle.
//!
//! All of it is read a moment after the line that it belongs to.

use std::collections::HashMap;

use rgops_protocol::reply::schedtrace::SchedtraceRuntime;
use rgops_protocol::reply::tasks::TaskCell;
use rgops_protocol::reply::{Known, Unavailable};

use crate::decode::TaskNames;
use crate::schedtrace::busy::{self, Polled};
use crate::schedtrace::listing::Listing;
use crate::schedtrace::memory::Memory;
use crate::schedtrace::workers::{Found, no_thread, workers_of};
use crate::types::TypeSource;

/// Maximum tasks shown of one runtime; the others are counted.
const MAX_TASKS: usize = 1000;

/// The additions of `--detail` to a line.
#[derive(Debug, Clone)]
pub struct Detail {
    /// Each worker, by index.
    pub workers: Vec<WorkerDetail>,
    /// Tasks that are not idle, by id; at most 1,000.
    pub tasks: Vec<BusyTask>,
    /// Number of tasks beyond that.
    pub tasks_left_out: u64,
}

/// The details of a worker.
#[derive(Debug, Clone)]
pub struct WorkerDetail {
    /// Its thread.
    pub tid: Known<u32>,
    /// The task that it polls; 0 for none.
    pub task: Known<u64>,
    /// Tasks in its LIFO slot: 0 or 1.
    pub lifo: Known<u64>,
    /// Whether it searches for work.
    pub is_searching: Known<bool>,
}

/// A task that is not idle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusyTask {
    /// Its id.
    pub id: u64,
    /// `running`, `scheduled` or `complete`.
    pub state: &'static str,
    /// Index of the worker that polls it.
    pub worker: Option<u64>,
    /// The future it was spawned with.
    pub name: Option<String>,
}

/// The details of each runtime.
pub fn details(
    types: &dyn TypeSource,
    memory: &mut dyn Memory,
    runtimes: &[SchedtraceRuntime],
    workers: &[usize],
    listing: &Listing,
) -> Vec<Detail> {
    let found = workers_of(types, memory, runtimes, listing);
    let busy = busy::by_runtime(runtimes, &listing.handles, &listing.tasks, state);
    let mut names = TaskNames::new();
    let mut name = |vtable: u32| {
        let poll_avma = listing.vtables.get(usize::try_from(vtable).ok()?)?.poll_avma;
        names.of_poll(types, poll_avma).map(|name| name.to_string())
    };
    let of = |((runtime, count), busy): ((&SchedtraceRuntime, &usize), _)| {
        detail(runtime, *count, busy, found.as_deref().map_err(Clone::clone), &mut name)
    };
    runtimes.iter().zip(workers).zip(busy).map(of).collect()
}

fn detail(
    runtime: &SchedtraceRuntime,
    workers: usize,
    busy: Vec<(&TaskCell, &'static str)>,
    found: Result<&[Found], Unavailable>,
    name: &mut dyn FnMut(u32) -> Option<String>,
) -> Detail {
    let ours = found.map(|found| {
        let mut of_index: HashMap<u64, &Found> = HashMap::new();
        for thread in found.iter().filter(|thread| runtime.handle_words.contains(&thread.handle)) {
            let known = of_index.entry(thread.index).or_insert(thread);
            // During block_in_place, another thread has taken over the core.
            if thread.has_core && !known.has_core {
                *known = thread;
            }
        }
        of_index
    });
    let worker = |index: u64| {
        let thread = match &ours {
            Ok(threads) => threads.get(&index).copied(),
            Err(why) => return WorkerDetail::unknown(why),
        };
        let Some(thread) = thread else { return WorkerDetail::unknown(&no_thread()) };
        WorkerDetail {
            tid: Known::Value(thread.tid),
            task: thread.task.clone(),
            lifo: thread.lifo.map_or_else(|| Known::Unavailable(no_core()), Known::Value),
            is_searching: thread.is_searching.map_or_else(|| Known::Unavailable(no_core()), Known::Value),
        }
    };
    let workers: Vec<WorkerDetail> = (0..workers as u64).map(worker).collect();
    let polled = Polled::new(workers.iter().map(|worker| worker.task.value().copied()));
    let tasks_left_out = busy.len().saturating_sub(MAX_TASKS) as u64;
    let tasks = busy.into_iter().take(MAX_TASKS).map(|(task, state)| BusyTask {
        id: task.id,
        state,
        worker: polled.worker(task.id),
        name: name(task.vtable),
    });
    Detail { tasks: tasks.collect(), workers, tasks_left_out }
}

/// The name of a task's state; `None` if it is idle. Bits of Tokio's state word (runtime/task/state.rs).
fn state(word: u64) -> Option<&'static str> {
    const RUNNING: u64 = 1;
    const COMPLETE: u64 = 2;
    const NOTIFIED: u64 = 4;
    match word {
        word if word & COMPLETE != 0 => Some("complete"),
        word if word & RUNNING != 0 => Some("running"),
        word if word & NOTIFIED != 0 => Some("scheduled"),
        _ => None,
    }
}

impl Detail {
    /// Whether the threads of some workers are known and those of others are not.
    pub fn is_mixed(&self) -> bool {
        let known = self.workers.iter().filter(|worker| worker.tid.value().is_some()).count();
        known > 0 && known < self.workers.len()
    }
}

impl WorkerDetail {
    fn unknown(why: &Unavailable) -> WorkerDetail {
        WorkerDetail {
            tid: Known::Unavailable(why.clone()),
            task: Known::Unavailable(why.clone()),
            lifo: Known::Unavailable(why.clone()),
            is_searching: Known::Unavailable(why.clone()),
        }
    }
}

impl Detail {
    /// All details unavailable for the same reason.
    pub fn nothing(workers: usize, why: &Unavailable) -> Detail {
        Detail { workers: vec![WorkerDetail::unknown(why); workers], tasks: Vec::new(), tasks_left_out: 0 }
    }
}

fn no_core() -> Unavailable {
    Unavailable { reason: "the worker had no core at that moment".to_owned(), fix: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedtrace::listing::MAX_THREADS;

    #[test]
    fn workers_threads_and_tasks_are_each_visited_once() {
        let began = std::time::Instant::now();
        let found: Vec<Found> = (0..MAX_THREADS as u64)
            .map(|number| Found {
                handle: 1,
                index: number / 2,
                tid: number as u32,
                task: Known::Value(number),
                core: 0,
                has_core: number % 2 == 1,
                lifo: Some(0),
                is_searching: Some(false),
            })
            .collect();
        let cell = |id: u64| TaskCell {
            runtime: 0,
            id,
            header_avma: id,
            vtable: 0,
            state: 1,
            bytes: rgops_protocol::reply::tasks::CellBytes::NotRead,
        };
        let cells: Vec<TaskCell> = (0..200_000).map(cell).collect();
        let runtime = crate::schedtrace::tests::made::runtime("main");
        for _ in 0..20 {
            let busy = cells.iter().map(|cell| (cell, "running")).collect();
            let detail = detail(&runtime, 4096, busy, Ok(&found), &mut |_| None);
            assert_eq!((detail.tasks.len(), detail.tasks_left_out), (MAX_TASKS, 199_000));
            assert_eq!(detail.workers[7].tid, Known::Value(15), "the thread with the core");
            assert_eq!((detail.tasks[15].worker, detail.tasks[14].worker), (Some(7), None));
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
