//! The report as text.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use rgops_protocol::reply::stack::Capture;

use super::executors::executors;
use super::group::{GroupWriter, groups};
use super::report::StackReport;
use super::role::Role;
use super::thread::{Activity, Moved, Thread};
use super::view::View;
use crate::report::screen::Screen;
use crate::symbols::{Detail, file_name};
use crate::text::{counted, duration, escape, utc};

impl StackReport {
    /// The report as text: a summary, then groups of threads: running ones, those that are blocked in code of the
    /// program, other blocked ones, idle ones and the agent; in each the largest group first.
    pub fn render(&self, view: &View) -> String {
        self.screen(view).into_text()
    }

    /// Like [`StackReport::render`]. If memory or time does not suffice, a note states that the rest is left out.
    pub fn screen(&self, view: &View) -> Screen {
        let mut text = Screen::new(&self.budget);
        self.head(&mut text);
        self.locks(&mut text);
        let groups = groups(&self.threads, view);
        let mut writer = GroupWriter::new(view);
        for group in &groups {
            if text.is_cut() {
                break;
            }
            writer.write(&mut text, group);
        }
        writer.finish(&mut text);
        self.missing_names(&mut text);
        text.finish();
        text
    }

    // Below, `let _ = write!`: a note at the end states what is not written.

    fn head(&self, text: &mut Screen) {
        let _ = write!(
            text,
            "{} (pid {}): {}",
            escape(&self.process),
            self.pid,
            counted(self.threads.len() as u64, "thread")
        );
        let by = |wanted: fn(&Capture) -> bool| {
            self.threads.iter().filter(|thread| wanted(&thread.capture)).count() as u64
        };
        let captured = by(|capture| !matches!(capture, Capture::Failed { .. }));
        let ways = [
            (by(|capture| matches!(capture, Capture::Quiet)), "without a signal"),
            (by(|capture| matches!(capture, Capture::Signal { .. })), "by signal"),
            (by(|capture| matches!(capture, Capture::OwnThread)), "of the agent"),
        ];
        let ways: Vec<String> = ways
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, how)| format!("{count} {how}"))
            .collect();
        let _ = write!(text, ", {captured} captured");
        if !ways.is_empty() {
            let _ = write!(text, " ({})", ways.join(", "));
        }
        if let Some(summary) = &self.summary {
            let _ = write!(text, " in {} at {}", duration(summary.capture_ns), utc(summary.unix_ns));
            if summary.vanished > 0 {
                let _ = write!(text, "; {} ended during the dump", summary.vanished);
            }
        }
        text.push('\n');
        let _ = writeln!(text, "{}", self.roles());
        if let Some(watched_ns) = self.watched_ns {
            let own = || self.threads.iter().filter(|thread| thread.role != Role::Agent);
            let still = own().filter(|thread| matches!(thread.moved, Some(Moved::Not { .. })));
            let (watched, still, all) = (duration(watched_ns), still.count(), own().count() as u64);
            let _ = write!(
                text,
                "watched for {watched}: {still} of {} did not move (same stack, no CPU used)",
                counted(all, "thread")
            );
            let unknown = own().filter(|thread| thread.moved == Some(Moved::Unknown)).count() as u64;
            if unknown > 0 {
                let _ = write!(
                    text,
                    "; of {} it is not known: new, without a stack, or captured by a signal, which runs a thread",
                    counted(unknown, "other")
                );
            }
            text.push('\n');
        }
        let executors: Vec<String> = executors(&self.threads)
            .into_iter()
            .map(|(name, count)| format!("{name} ({})", counted(count as u64, "thread")))
            .collect();
        if !executors.is_empty() {
            let _ = writeln!(text, "run by {}", executors.join(", "));
        }
    }

    /// `4 tokio workers (1 running, 3 idle) · 2 tokio blocking threads (2 idle) · main (blocked: futex wait) ·
    /// agent`.
    fn roles(&self) -> String {
        let mut roles: BTreeMap<Role, Vec<&Thread>> = BTreeMap::new();
        for thread in &self.threads {
            roles.entry(thread.role).or_default().push(thread);
        }
        let shown = roles.iter().map(|(role, threads)| {
            let name = match (role, threads.len()) {
                (Role::Main | Role::Agent, 1) => role.text().to_owned(),
                (_, count) => counted(count as u64, role.text()),
            };
            if *role == Role::Agent {
                return name;
            }
            let mut doing: BTreeMap<Activity, (usize, BTreeMap<&str, usize>)> = BTreeMap::new();
            for thread in threads {
                let (count, states) = doing.entry(thread.activity).or_default();
                *count += 1;
                *states.entry(thread.state.as_str()).or_default() += 1;
            }
            let doing: Vec<String> = doing
                .iter()
                .map(|(activity, (count, states))| {
                    let what = match activity {
                        Activity::Running => "running".to_owned(),
                        Activity::Idle => "idle".to_owned(),
                        Activity::Blocked => {
                            let mut states: Vec<_> = states.iter().collect();
                            states.sort_by_key(|(state, count)| (std::cmp::Reverse(**count), **state));
                            let states: Vec<&str> = states.iter().take(3).map(|(state, _)| **state).collect();
                            match states.as_slice() {
                                ["ended"] => "ended".to_owned(),
                                states => format!("blocked: {}", states.join(", ")),
                            }
                        }
                    };
                    if threads.len() == 1 { what } else { format!("{count} {what}") }
                })
                .collect();
            format!("{name} ({})", doing.join("; "))
        });
        shown.collect::<Vec<_>>().join(" · ")
    }

    /// Why frames have no names or lines, and the fix. Omits libraries whose exported names were sufficient.
    fn missing_names(&self, text: &mut Screen) {
        let frames = self.threads.iter().flat_map(|thread| &thread.frames);
        let nameless: HashSet<&str> = frames
            .filter(|frame| frame.function.is_none())
            .filter_map(|frame| frame.module.as_deref())
            .collect();
        for module in &self.modules {
            let is_library = module.module.contains(".so");
            let enough = is_library
                && (module.detail >= Detail::Functions || !nameless.contains(module.module.as_str()));
            if enough || module.fix.is_empty() {
                continue;
            }
            let _ = writeln!(text, "\n{}: {}", escape(file_name(&module.module)), escape(&module.reason));
            let _ = writeln!(text, "  fix: {}", escape(&module.fix));
        }
    }
}
