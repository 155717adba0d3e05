//! The threads that were captured with the list, with names for their frames.

use std::collections::HashMap;

use rgops_protocol::reply::Module;
use rgops_protocol::reply::tasks::TaskThread;

use crate::budget::{Budget, Exhausted};
use crate::report::stack::Thread;
use crate::symbols::Symbolizer;
use crate::text::system_call::Architecture;

/// Names the threads' frames; the agent's own threads are left out. The map has the task each polls,
/// of the listed ones: a worker between two polls has the id of the task that runs it, a thread of the
/// blocking pool that of its closure.
///
/// Of threads behind the budget's end there are none, and why.
pub(super) fn named(
    budget: &Budget,
    captured: Vec<TaskThread>,
    is_listed: impl Fn(u64) -> bool,
    pid: u32,
    modules: &[Module],
    symbolizer: &mut Symbolizer,
) -> (Vec<Thread>, HashMap<u32, u64>, Option<Exhausted>) {
    let architecture = Architecture::of(modules);
    let mut polled = HashMap::new();
    let (mut threads, mut exhausted) = (Vec::new(), None);
    for thread in captured.into_iter().filter(|thread| !thread.stack.is_agent) {
        let task = thread.stack.current_task.filter(|task| is_listed(*task));
        polled.insert(thread.stack.tid, task.unwrap_or(0));
        match Thread::within(budget, thread.stack, pid, architecture, symbolizer) {
            Ok(thread) => threads.push(thread),
            Err(reason) => {
                exhausted = Some(reason);
                break;
            }
        }
    }
    threads.sort_by_key(|thread| thread.tid);
    (threads, polled, exhausted)
}
