//! Assembles an answer to `tasks`.

use std::collections::BTreeMap;

use rgops_protocol::reply::tasks::{
    CellBytes, TaskCell, TaskRuntime, TaskThread, TaskVtable, TasksPart, TasksSummary,
};
use rgops_protocol::request::{Request, TasksRequest};

use crate::asking::ask;

/// All parts of an answer.
#[derive(Debug)]
pub struct Listing {
    /// The watched runtimes.
    pub runtimes: Vec<TaskRuntime>,
    /// Their vtables.
    pub vtables: Vec<TaskVtable>,
    /// Their tasks, by id.
    pub tasks: BTreeMap<u64, TaskCell>,
    /// The threads.
    pub threads: Vec<TaskThread>,
    /// The last part.
    pub summary: TasksSummary,
}

impl Listing {
    /// Requests the tasks with all their bytes from a local socket.
    ///
    /// # Panics
    /// When the answer is incomplete, or lists a task twice.
    pub fn of(path: &str, max_depth: u32) -> Listing {
        let request = Request::Tasks(TasksRequest { max_cell_bytes: 65_536, max_depth });
        let collected = ask::<TasksPart>(path, &request).expect("the agent answers");
        collected.end.expect("the answer is complete");
        Listing::new(collected.parts)
    }

    /// Assembles the parts.
    ///
    /// # Panics
    /// As [`Listing::of`].
    pub fn new(parts: Vec<TasksPart>) -> Listing {
        let (mut runtimes, mut vtables, mut threads) = (Vec::new(), Vec::new(), Vec::new());
        let (mut tasks, mut summary) = (BTreeMap::new(), None);
        for part in parts {
            match part {
                TasksPart::Modules(_) => {}
                TasksPart::Runtime(runtime) => runtimes.push(runtime),
                TasksPart::Vtables(more) => vtables.extend(more),
                TasksPart::Tasks(more) => {
                    for task in more {
                        assert!((task.vtable as usize) < vtables.len(), "its vtable came before: {task:?}");
                        assert!(tasks.insert(task.id, task).is_none(), "no task twice");
                    }
                }
                TasksPart::Threads(more) => threads.extend(more),
                TasksPart::Summary(last) => summary = Some(last),
            }
        }
        Listing { runtimes, vtables, tasks, threads, summary: summary.expect("a summary") }
    }

    /// Ids of the tasks that are being polled.
    pub fn running(&self) -> Vec<u64> {
        self.tasks.values().filter(|task| task.state & 1 != 0).map(|task| task.id).collect()
    }

    /// Number of tasks whose bytes were read.
    pub fn read(&self) -> usize {
        self.tasks.values().filter(|task| matches!(task.bytes, CellBytes::Read(_))).count()
    }
}
