//! The agent's list of tasks and threads, which `--detail` needs.

use std::collections::HashMap;

use rgops_protocol::reply::tasks::{TaskCell, TaskThread, TaskVtable, TasksPart};
use rgops_protocol::reply::{Module, Unavailable};

use crate::schedtrace::limits;

/// Maximum threads visited.
pub(super) const MAX_THREADS: usize = 8192;

/// The agent's list of tasks and threads.
#[derive(Debug, Default)]
pub struct Listing {
    /// Modules of the program.
    pub modules: Vec<Module>,
    pub(super) handles: HashMap<u32, Vec<u64>>,
    pub(super) vtables: Vec<TaskVtable>,
    pub(super) tasks: Vec<TaskCell>,
    pub(super) threads: Vec<TaskThread>,
    /// Why the task that a thread polls is unknown.
    pub(super) no_current_tasks: Option<Unavailable>,
}

impl Listing {
    /// The parts of an answer to `tasks`.
    pub fn new(parts: Vec<TasksPart>) -> Listing {
        let mut listing = Listing::default();
        for part in parts {
            match part {
                TasksPart::Modules(more) => listing.modules.extend(more),
                TasksPart::Runtime(runtime) => {
                    listing.handles.insert(runtime.index, limits::handle(runtime.handle_words));
                }
                TasksPart::Vtables(more) => listing.vtables.extend(more),
                TasksPart::Tasks(more) => listing.tasks.extend(more),
                TasksPart::Threads(more) => listing.threads.extend(more),
                TasksPart::Summary(summary) => listing.no_current_tasks = summary.current_tasks,
            }
        }
        listing.threads.retain(|thread| !thread.stack.is_agent);
        listing.threads.truncate(MAX_THREADS);
        listing
    }
}
