//! The threads of an answer with names for their frames.

use std::path::PathBuf;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::Module;
use rgops_protocol::reply::stack::{StackPart, StackSummary};

use super::thread::Thread;
use crate::budget::{self, Budget, Exhausted, MOST_MODULES};
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
    /// The threads, as they came.
    pub threads: Vec<Thread>,
    /// What the dump covered; missing when the answer broke off.
    pub summary: Option<StackSummary>,
    /// What each module gave for names, and why not more.
    pub modules: Vec<ModuleSymbols>,
    /// Threads that are left out, and why: there was no memory or time to name their frames.
    pub left_out: Option<(usize, Exhausted)>,
    /// What it is written with.
    pub(super) budget: Budget,
}

impl StackReport {
    /// Names everything in the parts of an answer. `local_pid` and `symbol_directories` are
    /// those of [`Symbolizer::new`].
    pub fn new(
        hello: &AgentHello,
        local_pid: Option<u32>,
        symbol_directories: &[PathBuf],
        parts: Vec<StackPart>,
    ) -> StackReport {
        StackReport::within(&budget::standard(), hello, local_pid, symbol_directories, parts)
    }

    /// As [`StackReport::new`], as far as the budget allows.
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
        let mut exhausted = None;
        for thread in captured {
            let named = Thread::within(budget, thread, hello.pid, architecture, &mut symbolizer);
            match named {
                Ok(thread) => threads.push(thread),
                Err(reason) => {
                    exhausted = Some(reason);
                    break;
                }
            }
        }
        let left_out = exhausted.map(|reason| (count - threads.len(), reason));
        let modules = symbolizer.module_symbols().cloned().collect();
        let (process, budget) = (hello.name.clone(), budget.clone());
        StackReport { process, pid: hello.pid, threads, summary, modules, left_out, budget }
    }
}
