//! The report as text.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use rgops_protocol::reply::StackEnd;
use rgops_protocol::reply::stack::Capture;

use super::executors::executors;
use super::frame::write_frame;
use super::report::StackReport;
use super::thread::{Activity, Polled, Role, Thread};
use crate::report::screen::Screen;
use crate::symbols::{Detail, file_name};
use crate::text::{counted, duration, elided, escape, utc};

/// Maximum thread ids in a group's line.
const SHOWN_THREAD_IDS: usize = 8;

impl StackReport {
    /// The report as text: a summary, then running threads, then the other threads in groups, the largest first, and
    /// the agent last. With `all`, every thread separately, in the order of thread ids.
    pub fn render(&self, all: bool) -> String {
        self.screen(all).into_text()
    }

    /// Like [`StackReport::render`]. If memory or time does not suffice, a note states that the rest is left out.
    pub fn screen(&self, all: bool) -> Screen {
        let mut text = Screen::new(&self.budget);
        self.head(&mut text);
        let mut groups = self.groups(all);
        if !all {
            groups.sort_by_key(|group| {
                let first = group[0];
                let rank = match (first.role, first.activity) {
                    (Role::Agent, _) => 2,
                    (_, Activity::Running) => 0,
                    _ => 1,
                };
                (rank, std::cmp::Reverse(group.len()), first.tid)
            });
        }
        for group in &groups {
            if text.is_cut() {
                break;
            }
            text.push('\n');
            write_group(&mut text, group);
        }
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

    /// Threads with the same role, stack and state, in the order of their first thread.
    fn groups(&self, all: bool) -> Vec<Vec<&Thread>> {
        let mut places: HashMap<_, usize> = HashMap::new();
        let mut groups: Vec<Vec<&Thread>> = Vec::new();
        for thread in &self.threads {
            let reason = match &thread.capture {
                Capture::Failed { reason } => Some(reason.as_str()),
                _ => None,
            };
            let place = (thread.addresses.as_slice(), thread.role, thread.state.as_str(), reason);
            match places.get(&place) {
                Some(group) if !all => groups[*group].push(thread),
                _ => {
                    places.insert(place, groups.len());
                    groups.push(vec![thread]);
                }
            }
        }
        groups
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

fn write_group(text: &mut Screen, group: &[&Thread]) {
    let first = group[0];
    let mut state = first.state.clone();
    if first.activity == Activity::Idle {
        state = format!("idle, {state}");
    }
    let names = names(group);
    let who = match group {
        [only] => format!("thread {}", only.tid),
        _ => counted(group.len() as u64, "thread"),
    };
    let _ = write!(text, "{who} [{}]: {names}", escape(&state));
    if !matches!(first.role, Role::Other) {
        let _ = write!(text, " ({})", first.role.text());
    }
    if group.len() > 1 {
        let ids: Vec<String> =
            group.iter().take(SHOWN_THREAD_IDS).map(|thread| thread.tid.to_string()).collect();
        let more = if group.len() > SHOWN_THREAD_IDS { " …" } else { "" };
        let _ = write!(text, " {}{more}", ids.join(" "));
    }
    let known: Vec<u64> = group.iter().filter_map(|thread| thread.cpu_ns.value().copied()).collect();
    if !known.is_empty() {
        let cpu = known.iter().fold(0u64, |sum, ns| sum.saturating_add(*ns));
        let _ = write!(text, ", cpu {}", duration(cpu));
    }
    text.push('\n');
    write_polled(text, group);
    if let Capture::Failed { reason } = &first.capture {
        let _ = writeln!(text, "\tnot captured: {}", escape(reason));
        if !first.wchan.is_empty() {
            let _ = writeln!(text, "\tin the kernel: {}", escape(&first.wchan));
        }
        return;
    }
    let by_signal = group.iter().find_map(|thread| match &thread.capture {
        Capture::Signal { because } => Some(because).filter(|because| !because.is_empty()),
        _ => None,
    });
    if let Some(because) = by_signal {
        let _ = writeln!(text, "\tby signal: {}", escape(because));
    }
    for frame in &first.frames {
        write_frame(text, frame, "");
    }
    match first.end {
        StackEnd::Root | StackEnd::NotCaptured => {}
        StackEnd::DepthLimit => text.push_str("...outer frames omitted: depth limit...\n"),
        StackEnd::Lost => text.push_str("...callers unknown: no unwind data here...\n"),
    }
}

/// `polls task 1041 shop::checkout::reserve`.
fn write_polled(text: &mut Screen, group: &[&Thread]) {
    let polled: Vec<&Polled> = group.iter().filter_map(|thread| thread.polls.as_ref()).collect();
    let Some(first) = polled.first() else { return };
    let verb = match (group[0].role, group.len()) {
        (Role::TokioBlocking, 1) => "runs",
        (Role::TokioBlocking, _) => "run",
        // A worker that does not poll a task has the id of the task that runs it; only symbols show which.
        (Role::Tokio | Role::TokioWorker, 1) if is_nameless(group[0]) => "polls or is run by",
        (Role::Tokio | Role::TokioWorker, _) if is_nameless(group[0]) => "poll or are run by",
        (_, 1) => "polls",
        _ => "poll",
    };
    let ids: Vec<String> = polled
        .iter()
        .filter_map(|polled| polled.task)
        .take(SHOWN_THREAD_IDS)
        .map(|id| id.to_string())
        .collect();
    let more = if polled.len() > SHOWN_THREAD_IDS { " …" } else { "" };
    let _ = match ids.len() {
        0 => write!(text, "\t{verb} a task"),
        1 => write!(text, "\t{verb} task {}", ids[0]),
        _ => write!(text, "\t{verb} tasks {}{more}", ids.join(" ")),
    };
    // The same addresses mean the same functions.
    if let Some(name) = &first.name {
        let _ = write!(text, " {}", escape(&elided(name)));
    }
    text.push('\n');
}

/// Whether no function of the program has a name.
fn is_nameless(thread: &Thread) -> bool {
    thread.frames.iter().all(|frame| frame.mangled.is_none())
}

/// The names in a group: the most frequent ones, and the number of others.
fn names(group: &[&Thread]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for thread in group {
        *counts.entry(&thread.name).or_default() += 1;
    }
    let mut names: Vec<_> = counts.into_iter().collect();
    names.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    let shown: Vec<_> = names.iter().take(3).map(|(name, _)| escape(name)).collect();
    match names.len().saturating_sub(3) {
        0 => shown.join(", "),
        more => format!("{} and {more} more names", shown.join(", ")),
    }
}
