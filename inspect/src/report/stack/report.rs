//! The threads of an answer with names for their frames.

use std::collections::HashMap;
use std::path::PathBuf;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::Module;
use rgops_protocol::reply::stack::{StackPart, StackSummary};

use super::likeness::Likenesses;
use super::role::Role;
use super::thread::{Activity, Thread};
use crate::budget::{self, Budget, Exhausted, MOST_MODULES};
use crate::locks::{Holders, LockThread, LockWait, lock_waits};
use crate::symbols::{ModuleSymbols, Symbolizer};
use crate::text::system_call::Architecture;

/// The threads of a process, named and ready to be shown.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StackReport {
    /// Name of the process.
    pub process: String,
    /// Its process id in its own pid namespace.
    pub pid: u32,
    /// The threads, in the order of arrival.
    pub threads: Vec<Thread>,
    /// What the dump covered; `None` if the answer ended early.
    pub summary: Option<StackSummary>,
    /// Which names each module provides, and why not more.
    pub modules: Vec<ModuleSymbols>,
    /// Number of threads that are left out, and which limit was reached while their frames were named.
    pub left_out: Option<(usize, Exhausted)>,
    /// Who holds the locks that threads wait for, if that was looked for.
    pub holders: Holders,
    /// The locks of parking_lot that threads wait for, by thread, as far as they are known.
    pub parked_at: HashMap<u32, u64>,
    /// How long the threads were watched; `None` if they were not.
    pub watched_ns: Option<u64>,
    /// The budget for writing it.
    pub(super) budget: Budget,
}

impl StackReport {
    /// Which blocked threads wait for which lock.
    pub fn lock_waits(&self) -> Vec<LockWait> {
        let blocked = self.lock_threads().into_iter().filter(|thread| thread.is_blocked);
        let waits = lock_waits(blocked.map(|thread| thread.waiter()));
        waits.into_iter().map(|wait| wait.with_holder(&self.holders)).collect()
    }

    /// The threads of the program, for a search for the holders of locks.
    pub(crate) fn lock_threads(&self) -> Vec<LockThread<'_>> {
        lock_threads(&self.threads, &self.parked_at)
    }

    /// Names all frames in the parts of an answer. For `local_pid` and `symbol_directories` see
    /// [`Symbolizer::new`].
    pub fn new(
        hello: &AgentHello,
        local_pid: Option<u32>,
        symbol_directories: &[PathBuf],
        parts: Vec<StackPart>,
    ) -> StackReport {
        StackReport::within(&budget::standard(), hello, local_pid, symbol_directories, parts)
    }

    /// Like [`StackReport::new`], within the budget.
    pub fn within(
        budget: &Budget,
        hello: &AgentHello,
        local_pid: Option<u32>,
        symbol_directories: &[PathBuf],
        parts: Vec<StackPart>,
    ) -> StackReport {
        let mut modules: Vec<Module> = Vec::new();
        let mut captured = Vec::new();
        let mut summary = None;
        for part in parts {
            match part {
                StackPart::Modules(more) => modules.extend(more),
                StackPart::Threads(more) => captured.extend(more),
                StackPart::Summary(found) => summary = Some(found),
            }
        }
        modules.truncate(MOST_MODULES);
        let architecture = Architecture::of(&modules);
        let mut symbolizer = Symbolizer::with_budget(&modules, local_pid, symbol_directories, budget);
        let (mut threads, count) = (Vec::with_capacity(captured.len()), captured.len());
        let (mut exhausted, mut likenesses) = (None, Likenesses::default());
        for thread in captured {
            let named =
                Thread::within(budget, thread, hello.pid, architecture, &mut symbolizer, &mut likenesses);
            match named {
                Ok(thread) => threads.push(thread),
                Err(reason) => {
                    exhausted = Some(reason);
                    break;
                }
            }
        }
        let waiting = summary.as_ref().and_then(|summary| summary.waiting.value());
        let waiting: HashMap<u32, u64> =
            waiting.into_iter().flatten().map(|thread| (thread.tid, thread.for_ns)).collect();
        for thread in threads.iter_mut().filter(|thread| thread.activity != Activity::Running) {
            thread.waiting_ns = waiting.get(&thread.tid).copied();
        }
        let left_out = exhausted.map(|reason| (count - threads.len(), reason));
        let modules = symbolizer.module_symbols().cloned().collect();
        let (process, budget) = (hello.name.clone(), budget.clone());
        let holders = Holders::default();
        StackReport {
            process,
            pid: hello.pid,
            threads,
            summary,
            modules,
            left_out,
            holders,
            parked_at: HashMap::new(),
            watched_ns: None,
            budget,
        }
    }
}

/// Threads of the program, for a search for the holders of locks. `parked_at` has the locks of parking_lot that they wait
/// for, as far as they are known.
pub(crate) fn lock_threads<'t>(threads: &'t [Thread], parked_at: &HashMap<u32, u64>) -> Vec<LockThread<'t>> {
    let threads = threads.iter().filter(|thread| thread.role != Role::Agent);
    threads.map(|thread| lock_thread(thread, parked_at.get(&thread.tid).copied())).collect()
}

/// A thread as the search for the holders of locks needs it.
fn lock_thread(thread: &Thread, parked_at: Option<u64>) -> LockThread<'_> {
    LockThread {
        tid: thread.tid,
        is_blocked: thread.activity == Activity::Blocked,
        is_running: thread.activity == Activity::Running,
        futex: thread.futex,
        parked_at,
        cpu_ns: thread.cpu_ns.value().copied(),
        addresses: &thread.addresses,
        frames: &thread.frames,
    }
}
