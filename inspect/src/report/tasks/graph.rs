//! The wait-for graph as text: deadlocks at the top of the screen, contended resources at the end.

use std::fmt::Write as _;

use super::aside::owner;
use super::names::{SHOWN_TASK_IDS, location, own_await};
use super::one::wait;
use super::report::TasksReport;
use super::view::View;
use crate::report::screen::Screen;
use crate::tasks::graph::Deadlock;
use crate::tasks::model::ResourceKind;

/// Maximum deadlocks and contended resources shown; `--json` has all.
const SHOWN: usize = 10;

impl TasksReport {
    /// Each deadlock that contains a selected task.
    pub(super) fn deadlocks(&self, text: &mut Screen, selected: &[usize], view: &View) {
        let is_selected = |deadlock: &&Deadlock| {
            let ring = deadlock.ring.iter().map(|(task, _)| task);
            ring.chain(&deadlock.also).any(|task| selected.binary_search(task).is_ok())
        };
        let shown: Vec<&Deadlock> = self.graph.deadlocks.iter().filter(is_selected).collect();
        let most = if view.all { shown.len() } else { SHOWN };
        for deadlock in shown.iter().take(most) {
            if text.is_cut() {
                return;
            }
            text.push('\n');
            self.deadlock(text, deadlock, view);
        }
        if shown.len() > most {
            let _ = writeln!(text, "\n{} more deadlocks: --all shows them", shown.len() - most);
        }
    }

    fn deadlock(&self, text: &mut Screen, deadlock: &Deadlock, view: &View) {
        match deadlock.ring.len() {
            1 if self.is_futurelock(deadlock) => text.push_str(
                "deadlock: a task waits for a lock that it keeps itself, in a future that it does not poll (a \"futurelock\")\n",
            ),
            1 => text.push_str("deadlock: a task waits for itself\n"),
            count => {
                let _ = writeln!(text, "deadlock: {count} tasks wait for each other in a cycle");
            }
        }
        let most = if view.all { deadlock.ring.len() } else { SHOWN };
        for (task, resource) in deadlock.ring.iter().take(most) {
            if text.is_cut() {
                return;
            }
            let task = self.task(*task);
            let waited = &self.graph.resources[*resource];
            let name = self.task_name(task, view.verbose).unwrap_or_default();
            let at = location(own_await(task), view.verbose);
            let _ = writeln!(text, "  task {} {name}{at}", task.id);
            let what = self.resource(&waited.resource);
            let _ = write!(text, "    waits for {what}");
            if waited.resource.kind != ResourceKind::Task {
                let _ = write!(text, ", held by {}", self.ids(&waited.holders, view.all));
            }
            text.push('\n');
            let holders = waited.holders.iter().take(SHOWN_TASK_IDS);
            for aside in holders.filter_map(|holder| self.aside_of(*holder, &waited.resource)) {
                let _ = writeln!(text, "    {}", owner(aside, view.verbose));
            }
        }
        if deadlock.ring.len() > most {
            let _ = writeln!(text, "  … and {} more: --all shows them", deadlock.ring.len() - most);
        }
        if let [(_, resource)] = deadlock.ring.as_slice()
            && self.rests_on_a_guard(*resource)
        {
            text.push_str(
                "  read from a guard in memory; one that ended by drop(guard), before its scope did, looks the same\n",
            );
        }
        for (tasks, what) in [(&deadlock.also, "in cycles with these"), (&deadlock.behind, "behind them")] {
            if !tasks.is_empty() {
                let verb = wait(tasks.len());
                let _ = writeln!(text, "  {} {verb} {what}", self.ids(tasks, view.all));
            }
        }
    }

    /// Resources that more than one task waits for, or that a task is known to hold.
    pub(super) fn waited_for(&self, text: &mut Screen, selected: &[usize], view: &View) {
        let is_shown = |waited: &&crate::tasks::graph::Waited| {
            let is_selected = waited.waiters.iter().any(|task| selected.binary_search(task).is_ok());
            let is_shared = waited.waiters.len() > 1;
            let is_held = !waited.holders.is_empty() && waited.resource.kind != ResourceKind::Task;
            is_selected && (is_shared || is_held)
        };
        let shown: Vec<_> = self.graph.resources.iter().filter(is_shown).collect();
        if shown.is_empty() {
            return;
        }
        text.push_str("\nwho waits for whom\n");
        let most = if view.all { shown.len() } else { SHOWN };
        for waited in shown.iter().take(most) {
            if text.is_cut() {
                return;
            }
            let ids = self.ids(&waited.waiters, view.all);
            let _ = write!(text, "  {}: {ids} {}", self.thing(&waited.resource), wait(waited.waiters.len()));
            if waited.waiters.len() > SHOWN_TASK_IDS {
                let _ = write!(text, " ({} in all)", waited.waiters.len());
            }
            if waited.resource.kind != ResourceKind::Task
                && let Some(holder) = waited.holders.first()
            {
                let _ = write!(text, "; held by {}", self.ids(&waited.holders, view.all));
                if let Some(name) = self.task_name(self.task(*holder), view.verbose) {
                    let _ = write!(text, " {name}");
                }
                let chain = self.graph.chain(*holder, 16);
                if !chain.is_empty() {
                    let _ = write!(text, "; chain: {}", self.chain_text(&chain));
                }
            }
            text.push('\n');
        }
        if shown.len() > most {
            let _ = writeln!(text, "  … and {} more: --all shows them", shown.len() - most);
        }
    }
}
