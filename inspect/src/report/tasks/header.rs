//! The first lines: the number of tasks by state, and what could not be shown and why. Also the last line: the
//! command to run next.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rgops_protocol::received::program_said;
use rgops_protocol::reply::Known;

use super::filter::Filter;
use super::report::TasksReport;
use super::view::View;
use super::words::state;
use crate::report::screen::Screen;
use crate::symbols::file_name;
use crate::tasks::model::{DebugLevel, State};
use crate::text::known::sentence;
use crate::text::{counted, duration, escape, utc};

// Below, `let _ = write!`: a note at the end states what is not written.

impl TasksReport {
    pub(super) fn header(&self, text: &mut Screen, view: &View) {
        let counts = &self.tasks.counts;
        let _ =
            write!(text, "{} (pid {}): {}", escape(&self.process), self.pid, counted(counts.listed, "task"));
        let mut states: BTreeMap<State, u64> = BTreeMap::new();
        for task in &self.tasks.tasks {
            *states.entry(task.state).or_default() += 1;
        }
        let states: Vec<String> = states
            .iter()
            .map(|(kind, count)| format!("{}{count} {}", self.about(*kind), state(*kind)))
            .collect();
        if !states.is_empty() {
            let _ = write!(text, " ({})", states.join(", "));
        }
        let _ = write!(text, " in {}", counted(self.tasks.runtimes.len() as u64, "runtime"));
        let without = self.tasks.runtimes.iter().filter(|runtime| runtime.list.value().is_none()).count();
        if without > 0 {
            let _ = write!(text, " ({without} without a task list)");
        }
        let _ = writeln!(text, " at {}", utc(self.tasks.unix_ns));
        self.stacks(text);
        self.watched(text);
        if self.tasks.running_is_approximate {
            text.push_str(
                "~: more tasks run than threads can poll; polls began and ended while the list was read\n",
            );
        }
        self.incomplete(text);
        if !self.tasks.has_watched() {
            text.push_str("no Tokio runtime is watched\n");
            fix(
                text,
                "call rgops_agent::listen inside a runtime, or pass its handle to Options::watch or Agent::watch",
            );
        }
        self.missing_tasks(text);
        self.debug_information(text, view);
        if let Some(missing) = &self.tasks.no_memory {
            if program_said(&missing.reason).is_some() {
                let _ = writeln!(text, "no await points: {}", escape(&sentence(missing)));
            } else {
                let _ = writeln!(text, "no await points: {}", escape(&missing.reason));
                fix(text, &missing.fix);
            }
        }
    }

    /// `~` before a number that is not of one moment.
    fn about(&self, kind: State) -> &'static str {
        if kind == State::Running && self.tasks.running_is_approximate { "~" } else { "" }
    }

    /// How many did not move.
    fn watched(&self, text: &mut Screen) {
        let Some(watched) = &self.watched else { return };
        let still = watched.unmoved.len();
        let _ = writeln!(
            text,
            "watched for {}: {still} of {} did not move (same await, nothing in the future or behind it changed)",
            duration(watched.for_ns),
            counted(self.tasks.counts.listed, "task")
        );
        if watched.left_out > 0 {
            let _ = writeln!(text, "  {} not watched: too many", counted(watched.left_out as u64, "task"));
        }
    }

    /// The results for the listed tasks, and how long it took.
    fn stacks(&self, text: &mut Screen) {
        let counts = &self.tasks.counts;
        let shown = [
            (counts.decoded, "with an async stack"),
            (counts.running, "with their thread's stack"),
            (counts.cut, "with an incomplete stack"),
            (counts.moved, "without a stack (changed while being read)"),
            (counts.unknown, "without a stack (future not described)"),
        ];
        let mut parts: Vec<String> = shown
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, how)| format!("{count} {how}"))
            .collect();
        parts.push(format!("listed in {}", duration(self.tasks.list_ns)));
        if self.tasks.decode_ns > 0 {
            parts.push(format!("decoded in {}", duration(self.tasks.decode_ns)));
        }
        let _ = writeln!(text, "{}", parts.join(" · "));
    }

    fn incomplete(&self, text: &mut Screen) {
        for runtime in &self.tasks.runtimes {
            if let Known::Value(list) = &runtime.list
                && list.incomplete_shards > 0
            {
                let _ = writeln!(
                    text,
                    "incomplete: {} of {} of runtime {} changed too fast to be read completely; tasks are missing",
                    list.incomplete_shards,
                    counted(u64::from(list.shards), "list"),
                    escape(&runtime.name)
                );
                fix(text, "run the command again");
            }
        }
    }

    fn debug_information(&self, text: &mut Screen, view: &View) {
        for module in &self.tasks.debug_information {
            let level = level_text(module.level);
            let _ = write!(text, "debug info of {}: {level}", escape(file_name(&module.module)));
            if let Some(file) = module.file.as_deref().filter(|_| view.verbose) {
                let _ = write!(text, " (from {})", escape(file));
            }
            text.push('\n');
            for line in module.note.lines() {
                let _ = writeln!(text, "  note: {}", escape(line));
            }
            fix(text, &module.fix);
        }
    }

    /// Shown if a filter matches no task: what exists.
    pub(super) fn nothing(&self, text: &mut Screen, filter: &Filter) {
        let _ = writeln!(text, "\nno task matches {}", escape(&filter.typed()));
        let listed = &self.tasks.tasks;
        if listed.is_empty() {
            let lists = self.tasks.runtimes.iter().enumerate();
            let mut without = lists.filter(|(_, runtime)| runtime.list.value().is_none()).peekable();
            if without.peek().is_none() {
                text.push_str("  no tasks in any runtime\n");
            }
            for (number, _) in without {
                if text.is_cut() {
                    return;
                }
                let _ = writeln!(text, "  {}", self.runtime_line(number));
            }
            return;
        }
        let names = self.most_frequent();
        if !names.is_empty() {
            let names: Vec<String> = names.iter().map(|(name, count)| format!("{count} {name}")).collect();
            let _ = writeln!(text, "  most frequent: {}", names.join(", "));
        }
        let ids = listed.iter().map(|task| task.id);
        if let (Some(first), Some(last)) = (ids.clone().min(), ids.max()) {
            let _ = writeln!(text, "  ids: {first} to {last}");
        }
        text.push_str("  runtimes: ");
        for (number, runtime) in self.tasks.runtimes.iter().enumerate() {
            let _ = write!(text, "{}{}", if number == 0 { "" } else { ", " }, escape(&runtime.name));
        }
        text.push('\n');
    }

    /// The command that most likely comes next.
    pub(super) fn next(&self, text: &mut Screen, selected: &[usize]) {
        let target = escape(&self.target);
        let deadlocked = self.graph.deadlocks.first().and_then(|deadlock| deadlock.ring.first());
        let holder = || {
            let held = self.graph.resources.iter().find(|waited| {
                waited.waiters.len() > 1
                    && waited.holders.first().is_some_and(|holder| selected.binary_search(holder).is_ok())
            })?;
            Some(self.task(held.holders[0]).id)
        };
        let runs = || selected.iter().map(|task| self.task(*task)).find(|task| task.state == State::Running);
        let (options, why) = if let Some((task, _)) = deadlocked {
            (format!("--task {}", self.task(*task).id), "one deadlocked task: what it holds and waits for")
        } else if let Some(id) = holder() {
            (format!("--task {id}"), "the task that others wait for")
        } else if runs().is_some() {
            let _ = writeln!(text, "\nnext: rgops stack {target}   all threads and the task each one polls");
            return;
        } else if let Some(first) = selected.first() {
            (format!("--task {}", self.task(*first).id), "all details of one task")
        } else {
            return;
        };
        let _ = writeln!(text, "\nnext: rgops tasks {target} {options}   {why}");
    }

    pub(super) fn next_after_one(&self, text: &mut Screen, id: u64) {
        let target = escape(&self.target);
        let _ = writeln!(
            text,
            "\nnext: rgops tasks {target} --waiting-on {id}   the tasks that wait for this one to end"
        );
    }
}

fn level_text(level: DebugLevel) -> &'static str {
    match level {
        DebugLevel::Nothing => "none: ids and states only",
        DebugLevel::FutureNames => "future names only, no await points",
        DebugLevel::AwaitPoints => "await points",
    }
}

fn fix(text: &mut Screen, fix: &str) {
    for (number, line) in fix.lines().enumerate() {
        let before = if number == 0 { "  fix: " } else { "       " };
        let _ = writeln!(text, "{before}{}", escape(line));
    }
}
