//! The threads that were captured with the list, with their frames named.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::Module;
use rgops_protocol::reply::tasks::TaskThread;

use super::blocked::blocked;
use crate::budget::{Budget, Exhausted, MOST_MODULES};
use crate::report::stack::{Likenesses, Thread};
use crate::symbols::{ModuleSymbols, Symbolizer};
use crate::tasks::block_on::Blocked;
use crate::tasks::model::Tasks;
use crate::text::system_call::Architecture;

/// The named threads of an answer.
#[derive(Debug)]
pub(crate) struct Named {
    pub(super) threads: Vec<Thread>,
    pub(super) polled: HashMap<u32, u64>,
    pub(super) exhausted: Option<Exhausted>,
    pub(super) modules: Vec<ModuleSymbols>,
}

impl Named {
    /// Takes the threads of an answer, and names their frames within the budget. For `local_pid` and
    /// `symbol_directories` see [`Symbolizer::new`].
    pub(crate) fn of(
        budget: &Budget,
        hello: &AgentHello,
        local_pid: Option<u32>,
        symbol_directories: &[PathBuf],
        tasks: &mut Tasks,
    ) -> Named {
        tasks.modules.truncate(MOST_MODULES);
        let mut symbolizer = Symbolizer::with_budget(&tasks.modules, local_pid, symbol_directories, budget);
        let captured = std::mem::take(&mut tasks.threads);
        let listed: HashSet<u64> = tasks.tasks.iter().map(|task| task.id).collect();
        let is_listed = |task| listed.contains(&task);
        let (threads, polled, exhausted) =
            named(budget, captured, is_listed, hello.pid, &tasks.modules, &mut symbolizer);
        Named { threads, polled, exhausted, modules: symbolizer.module_symbols().cloned().collect() }
    }

    /// The threads that wait in `block_on`, to find their futures.
    pub(crate) fn blocked(&self) -> Vec<Blocked> {
        blocked(&self.threads, &self.polled)
    }
}

/// Names the frames of the threads, without the agent's own threads. The map has the task that each thread polls, if
/// that is a listed task: between two polls, a worker has the id of the task that runs it, and a thread of the
/// blocking pool has the id of its closure.
///
/// Stops at the limit of the budget and returns which limit that was.
fn named(
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
