//! The threads that were captured with the list, with their frames named.

use std::collections::HashMap;

use rgops_protocol::reply::Module;
use rgops_protocol::reply::tasks::TaskThread;

use crate::budget::{Budget, Exhausted};
use crate::report::stack::{Likenesses, Thread};
use crate::symbols::Symbolizer;
use crate::text::system_call::Architecture;

/// Names the frames of the threads, without the agent's own threads. The map has the task that each thread polls, if
/// that is a listed task: between two polls, a worker has the id of the task that runs it, and a thread of the
/// blocking pool has the id of its closure.
///
/// Stops at the limit of the budget and returns which limit that was.
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
    let (mut threads, mut exhausted, mut likenesses) = (Vec::new(), None, Likenesses::default());
    for thread in captured.into_iter().filter(|thread| !thread.stack.is_agent) {
        let task = thread.stack.current_task.filter(|task| is_listed(*task));
        polled.insert(thread.stack.tid, task.unwrap_or(0));
        match Thread::within(budget, thread.stack, pid, architecture, symbolizer, &mut likenesses) {
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
