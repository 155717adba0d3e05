//! All details of one task: its future, its stack, what it holds, and who waits for it.

use std::fmt::Write as _;

use super::aside::owner;
use super::names::SHOWN_TASK_IDS;
use super::names::type_name;
use super::report::TasksReport;
use super::tree::Tree;
use super::view::View;
use super::words::state;
use crate::report::screen::Screen;
use crate::tasks::model::{Node, Resource, ResourceKind, State};
use crate::text::escape;

impl TasksReport {
    pub(super) fn one(&self, text: &mut Screen, index: usize, view: &View) {
        let task = self.task(index);
        let runtime = self.tasks.runtimes.get(task.runtime).map(|runtime| escape(&runtime.name));
        let cancelled = if task.is_cancelled { ", cancelled" } else { "" };
        let _ = writeln!(text, "\ntask {} [{}{cancelled}]", task.id, state(task.state));
        let _ = writeln!(text, "runtime: {}", runtime.unwrap_or("unknown".into()));
        if let Some(future) = &task.future {
            let _ = writeln!(text, "future: {}", type_name(future, false));
            if future.raw != future.short {
                let _ = writeln!(text, "type: {}", escape(&future.raw));
            }
        }
        let _ = writeln!(text, "references: {}, header at {:#x}", task.references, task.header_avma);
        if let Some(thread) = self.thread_of(task).filter(|_| task.state == State::Running) {
            let _ =
                writeln!(text, "thread: {} {} [{}]", thread.tid, escape(&thread.name), escape(&thread.state));
        }
        text.push_str("\nstack:\n");
        let leaf = |_: &[usize], node: &Node| {
            let resource = node.waits_on.as_ref()?;
            Some(self.resource(resource) + &self.held_by(resource))
        };
        // Verbose, because this screen is also for Tokio's own futures.
        Tree { verbose: true, leaf: &leaf }.write(text, &task.stack);
        match task.state {
            State::Running => self.native(text, index, view),
            State::Complete => text.push_str("  it has ended; its output has not been taken\n"),
            State::Scheduled | State::Idle => {}
        }
        self.holds(text, index, view);
        self.wanted_by(text, index, view);
        let chain = self.graph.chain(index, 16);
        if chain.len() > 1 {
            let _ = writeln!(text, "\nchain: {}", self.chain_text(&chain));
        }
    }

    fn holds(&self, text: &mut Screen, index: usize, view: &View) {
        let task = self.task(index);
        if task.holds.is_empty() {
            return;
        }
        text.push_str("\nholds:\n");
        for resource in &task.holds {
            let waiters = self.graph.find(resource).map(|waited| waited.waiters.as_slice());
            let waiters = match waiters.unwrap_or_default() {
                [] => "no waiters".to_owned(),
                waiters => format!("{} {} for it", self.ids(waiters, view.all), wait(waiters.len())),
            };
            let _ = writeln!(text, "  {}: {waiters}", self.resource(resource));
            if let Some(aside) = self.aside_of(index, resource) {
                let _ = writeln!(text, "    {}", owner(aside, view.verbose));
            }
            if text.is_cut() {
                return;
            }
        }
    }

    fn wanted_by(&self, text: &mut Screen, index: usize, view: &View) {
        let end = Resource { kind: ResourceKind::Task, avma: self.task(index).header_avma, detail: None };
        let waited = self.graph.find(&end).filter(|waited| waited.holders == [index]);
        let waiters = waited.map(|waited| waited.waiters.as_slice());
        if let Some(waiters) = waiters.filter(|waiters| !waiters.is_empty()) {
            let ids = self.ids(waiters, view.all);
            let _ = writeln!(text, "\n{ids} {} for it to end", wait(waiters.len()));
        }
    }

    /// `task 4 → Mutex 0x7f… → task 29`, at most [`SHOWN_TASK_IDS`] links.
    pub(super) fn chain_text(&self, chain: &[(usize, usize)]) -> String {
        let mut words = String::new();
        for (task, resource) in chain.iter().take(SHOWN_TASK_IDS) {
            let waited = &self.graph.resources[*resource];
            let _ = write!(words, "task {} → ", self.task(*task).id);
            if waited.resource.kind != ResourceKind::Task {
                let _ = write!(words, "{} → ", self.resource(&waited.resource));
            }
        }
        if chain.len() > SHOWN_TASK_IDS {
            words.push('…');
        } else if let Some(last) = chain.last() {
            let holder = self.graph.resources[last.1].holders.first();
            if let Some(task) = holder {
                let _ = write!(words, "task {}", self.task(*task).id);
            }
        }
        words
    }
}

/// The verb for this many tasks.
pub(super) fn wait(count: usize) -> &'static str {
    if count == 1 { "waits" } else { "wait" }
}
