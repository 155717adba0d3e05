//! Threads that are shown together, and how they are written.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use rgops_protocol::reply::StackEnd;
use rgops_protocol::reply::stack::Capture;

use super::fold::{self, Line, lines};
use super::frame::{Style, around, write_frame};
use super::role::Role;
use super::thread::{Activity, Moved, Polled, Thread};
use super::view::View;
use crate::report::screen::Screen;
use crate::symbols::{Frame, Origin, shown_path};
use crate::text::{counted, duration, escape, shown_name};

/// The agent keeps this many frames of a stack at most.
const MOST_FRAMES: usize = 512;
/// Maximum thread ids in a group's line.
const SHOWN_THREAD_IDS: usize = 8;
/// A thread that waits for less is not said to wait long; Go's stacks show minutes, too.
const WAITS_LONG_NS: u64 = 60_000_000_000;
/// After so many lines a group is one line: where it is in the program.
const WHOLE_LINES: usize = 70;
/// Groups that are one line at most; the rest is counted.
const SHORT_GROUPS: usize = 25;

/// Groups of threads, in the order of a screen. With `all`, each thread for itself, in the order of arrival.
pub(super) fn groups<'a>(threads: &'a [Thread], view: &View) -> Vec<Vec<&'a Thread>> {
    let mut places: HashMap<_, usize> = HashMap::new();
    let mut groups: Vec<Vec<&Thread>> = Vec::new();
    for thread in threads {
        let reason = match &thread.capture {
            Capture::Failed { reason } => Some(reason.as_str()),
            _ => None,
        };
        // Idle threads have no stack on the screen.
        let addresses = if is_short(thread, view) { &[][..] } else { thread.addresses.as_slice() };
        let own = is_short(thread, view).then(|| program_frame(thread)).flatten();
        let state = thread.state.as_str();
        let place = (addresses, own, thread.role, thread.activity, state, reason, thread.moved);
        match places.get(&place) {
            Some(group) if !view.all => groups[*group].push(thread),
            _ => {
                places.insert(place, groups.len());
                groups.push(vec![thread]);
            }
        }
    }
    if !view.all {
        groups
            .sort_by_cached_key(|group| (rank(group[0]), group[0].moved, Reverse(group.len()), group[0].tid));
    }
    groups
}

/// Where the thread is in the program. The agent's code is not the program's.
fn program_frame(thread: &Thread) -> Option<&Frame> {
    (thread.role != Role::Agent).then(|| fold::program_frame(&thread.frames)).flatten()
}

/// What a reader looks for comes first.
fn rank(thread: &Thread) -> u8 {
    let is_in_program = || thread.frames.iter().any(|frame| Origin::of(frame).is_of_program());
    match (thread.role, thread.activity) {
        (Role::Agent, _) => 4,
        (_, Activity::Running) => 0,
        (_, Activity::Idle) => 3,
        (_, Activity::Blocked) if is_in_program() => 1,
        (_, Activity::Blocked) => 2,
    }
}

/// Whether one line is enough.
fn is_short(thread: &Thread, view: &View) -> bool {
    let is_machinery = thread.activity == Activity::Idle || thread.role == Role::Agent;
    is_machinery && !view.verbose && !view.all
}

/// Writes groups, in full as long as they fit on two screens.
#[derive(Debug)]
pub(super) struct GroupWriter<'a> {
    view: &'a View,
    /// Lines of whole groups so far.
    lines: usize,
    short: usize,
    /// Groups and threads that are only counted.
    left: (usize, usize),
    was_short: bool,
}

impl GroupWriter<'_> {
    pub(super) fn new(view: &View) -> GroupWriter<'_> {
        GroupWriter { view, lines: 0, short: 0, left: (0, 0), was_short: false }
    }

    pub(super) fn write(&mut self, text: &mut Screen, group: &[&Thread]) {
        let everything = self.view.all || self.view.verbose;
        let is_idle = is_short(group[0], self.view);
        if is_idle || (!everything && self.lines >= WHOLE_LINES) {
            self.short += usize::from(!is_idle);
            if self.short > SHORT_GROUPS && !is_idle {
                self.left.0 += 1;
                self.left.1 += group.len();
                return;
            }
            if !std::mem::replace(&mut self.was_short, true) {
                text.push('\n');
            }
            head(text, group);
            if let Some(own) = program_frame(group[0]) {
                let _ = write!(text, ", in {}", shown_name(&own.name()));
                if let (Some(file), Some(line)) = (&own.file, own.line) {
                    let _ = write!(text, " ({}:{line})", escape(shown_path(file)));
                }
            }
            text.push('\n');
            return;
        }
        let before = text.as_str().len();
        text.push('\n');
        self.was_short = false;
        head(text, group);
        text.push('\n');
        write_body(text, group, self.view);
        self.lines += text.as_str()[before..].matches('\n').count();
    }

    /// What is only counted.
    pub(super) fn finish(self, text: &mut Screen) {
        let (groups, threads) = self.left;
        if groups > 0 {
            let _ = writeln!(
                text,
                "… {} in {} more: --verbose shows them",
                counted(threads as u64, "thread"),
                counted(groups as u64, "stack")
            );
        }
    }
}

// Below, `let _ = write!`: a note at the end states what is not written.

/// `490 threads [futex wait]: tokio-rt-worker (tokio blocking thread) 12 13 …, cpu 1s`.
fn head(text: &mut Screen, group: &[&Thread]) {
    let first = group[0];
    let mut state = first.state.clone();
    if first.activity == Activity::Idle && first.role != Role::Agent {
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
    if let Some(Moved::Not { for_ns }) = first.moved {
        let _ = write!(text, ", not moved for {}", duration(for_ns));
    }
    write_waiting(text, group);
}

/// For how long the threads have waited, if that is a minute or more.
fn write_waiting(text: &mut Screen, group: &[&Thread]) {
    let waiting = || group.iter().filter_map(|thread| thread.waiting_ns).filter(|ns| *ns >= WAITS_LONG_NS);
    let Some(least) = waiting().min() else { return };
    let count = waiting().count();
    let who = if count < group.len() { format!("{count} of them waiting") } else { "waiting".to_owned() };
    let _ = write!(text, ", {who} for at least {}", duration(least));
}

/// What the group polls, and its stack.
fn write_body(text: &mut Screen, group: &[&Thread], view: &View) {
    let first = group[0];
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
    write_stack(text, &first.frames, view);
    write_end(text, first);
}

/// Why the outer frames are missing, if they are.
fn write_end(text: &mut Screen, thread: &Thread) {
    let kept = thread.addresses.len();
    let _ = match thread.end {
        StackEnd::Root | StackEnd::NotCaptured => return,
        StackEnd::DepthLimit if kept >= MOST_FRAMES => {
            writeln!(text, "...outer frames omitted: the agent keeps the innermost {kept} frames...")
        }
        StackEnd::DepthLimit => writeln!(text, "...outer frames omitted: --depth {kept}..."),
        StackEnd::Lost if !thread.has_unwind_data => {
            writeln!(text, "...callers unknown: no unwind data here...")
        }
        // The notes of the answer say why: unknown bounds, or a filter.
        StackEnd::Lost if kept <= 1 => {
            writeln!(text, "...callers unknown: the stack was not read; see the note...")
        }
        StackEnd::Lost => {
            writeln!(text, "...callers unknown: the unwind data does not lead to a caller...")
        }
    };
}

fn write_stack(text: &mut Screen, frames: &[Frame], view: &View) {
    for line in lines(frames, view.verbose) {
        if text.is_cut() {
            return;
        }
        match line {
            Line::Frame(frame, origin) => {
                let style = Style { whole_paths: view.verbose, color: view.color.then_some(origin) };
                write_frame(text, frame, "", style);
            }
            Line::Folded(what) => {
                let (on, off) = around(view.color.then_some(Origin::Std));
                let _ = writeln!(text, "{on}… {what}{off}");
            }
        }
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
    let mut ids: Vec<u64> = polled.iter().filter_map(|polled| polled.task).collect();
    ids.sort_unstable();
    let ids: Vec<String> = ids.iter().take(SHOWN_THREAD_IDS).map(u64::to_string).collect();
    let more = if polled.len() > SHOWN_THREAD_IDS { " …" } else { "" };
    let _ = match ids.len() {
        0 => write!(text, "\t{verb} a task"),
        1 => write!(text, "\t{verb} task {}", ids[0]),
        _ => write!(text, "\t{verb} tasks {}{more}", ids.join(" ")),
    };
    // The same addresses mean the same functions.
    if let Some(name) = &first.name {
        let _ = write!(text, " {}", shown_name(name));
    }
    text.push('\n');
}

/// Whether no function of the program has a name.
fn is_nameless(thread: &Thread) -> bool {
    thread.frames.iter().all(|frame| !frame.is_named_rust())
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
