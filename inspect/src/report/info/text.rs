//! `rgops PID` as text: what is urgent, then the values with the names of `gops PID`.

use std::time::Duration;

use rgops_protocol::reply::Known;

use super::groups::{connection_groups, thread_groups};
use crate::processes::{Connection, LostBecause, ProcessDetails, Thread};
use crate::report::list::compiler;
use crate::text::known::{show, unavailable};
use crate::text::{bytes_short, duration, escape, few_left};

/// Groups of threads, and groups of connections, that are shown without `--all`.
const SHOWN_GROUPS: usize = 8;
/// With at most this many connections, each is shown.
const FEW_CONNECTIONS: usize = 8;

/// One `name:<TAB>value` per line; a missing value is shown with its reason. With `all`, each thread and each
/// connection instead of groups of them.
pub fn text(details: &ProcessDetails, all: bool) -> String {
    let process = &details.process;
    let percent = |percent: &f64| format!("{percent:.3}%");
    let mut lines: Vec<(String, String)> = Vec::new();
    lines.extend(descriptors(details).map(|urgent| ("descriptors".to_owned(), urgent)));
    lines.push(("state".to_owned(), state(details)));
    let share = show(&details.memory_percent, percent);
    let memory = show(&details.resident_bytes, |bytes| format!("{} ({share})", bytes_short(*bytes)));
    lines.push(("memory usage".to_owned(), memory));
    lines.push(("cpu usage".to_owned(), show(&details.cpu_percent, percent)));
    if let Some((window, usage)) = &details.cpu_window {
        lines.push((format!("cpu usage ({window:?})"), show(usage, percent)));
    }
    lines.push(("threads".to_owned(), show(&details.threads, u64::to_string)));
    lines.extend(threads(details, all));
    lines.push(("parent PID".to_owned(), show(&process.parent, u32::to_string)));
    lines.push(("username".to_owned(), show(&details.user, String::clone)));
    lines.push(("cmd+args".to_owned(), show(&details.command, String::clone)));
    lines.push(("elapsed time".to_owned(), show(&details.elapsed, |elapsed| elapsed_text(*elapsed))));
    lines.extend(connections(details, all));
    lines.push(("executable".to_owned(), show(&process.path, String::clone)));
    let compiler = match (&process.compiler, &process.agent) {
        (Known::Unavailable(missing), _) => unavailable(missing),
        (Known::Value(None), None) => "not found in the executable".to_owned(),
        (Known::Value(found), _) => compiler(found.as_ref()),
    };
    lines.push(("compiler".to_owned(), compiler));
    lines.push((
        "agent".to_owned(),
        match (&process.agent, &process.lost_agent) {
            (Some(agent), _) => agent.path.to_string_lossy().into_owned(),
            (None, Some(lost)) if lost.because == LostBecause::Crowded => format!("unknown ({lost})"),
            (None, Some(lost)) => format!("none ({lost})"),
            (None, None) => "none".to_owned(),
        },
    ));
    lines.iter().map(|(name, value)| format!("{name}:\t{}\n", escape(value))).collect()
}

/// That it has few descriptors left, if it has few.
fn descriptors(details: &ProcessDetails) -> Option<String> {
    let open = *details.descriptors.value()?;
    let limit = (*details.descriptors_limit.value()?)?;
    few_left(open, limit)
}

fn state(details: &ProcessDetails) -> String {
    if let Some(suspension) = &details.suspension {
        return suspension.state();
    }
    let has_others = details.threads.value().is_some_and(|threads| *threads > 1);
    show(&details.state, |letter| match letter {
        'Z' if has_others => "Z (its main thread has ended; the others run)".to_owned(),
        letter => letter_with_word(*letter),
    })
}

/// The state letter with its name from proc(5).
fn letter_with_word(letter: char) -> String {
    let word = match letter {
        'R' => "running",
        'S' => "sleeping",
        'D' => "disk sleep",
        'T' => "stopped; resume it with kill -CONT",
        't' => "stopped by a debugger",
        'Z' => "zombie",
        'I' => "idle",
        'X' | 'x' => "dead",
        _ => "unknown",
    };
    format!("{letter} ({word})")
}

/// `tokio-rt-worker ×490: 96%`: the share of the threads' CPU time.
fn threads(details: &ProcessDetails, all: bool) -> Vec<(String, String)> {
    let Known::Value(threads) = &details.thread_list else { return Vec::new() };
    let total: Duration = threads.iter().map(|thread| thread.cpu).sum();
    let share = |cpu: Duration| {
        let percent = cpu.as_secs_f64() * 100.0 / total.as_secs_f64().max(f64::MIN_POSITIVE);
        let time = duration(u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX));
        format!("{percent:.0}% of the cpu time ({time})")
    };
    if all {
        let line = |thread: &Thread| {
            let state = letter_with_word(thread.state);
            (format!("thread {}", thread.tid), format!("{} {state}, {}", thread.name, share(thread.cpu)))
        };
        return threads.iter().map(line).collect();
    }
    let groups = thread_groups(threads);
    let mut lines: Vec<(String, String)> = groups
        .iter()
        .take(SHOWN_GROUPS)
        .map(|group| {
            let times = if group.count > 1 { format!(" ×{}", group.count) } else { String::new() };
            ("thread".to_owned(), format!("{}{times}: {}", group.name, share(group.cpu)))
        })
        .collect();
    let rest = groups.get(SHOWN_GROUPS..).unwrap_or_default();
    if !rest.is_empty() {
        let count: usize = rest.iter().map(|group| group.count).sum();
        let cpu = share(rest.iter().map(|group| group.cpu).sum());
        lines.push(("thread".to_owned(), format!("and {count} more: {cpu} (--all lists each)")));
    }
    lines
}

fn connections(details: &ProcessDetails, all: bool) -> Vec<(String, String)> {
    let name = || "local/remote".to_owned();
    let connections = match &details.connections {
        Known::Value(connections) => connections,
        missing => return vec![(name(), show(missing, |_| String::new()))],
    };
    if all || connections.len() <= FEW_CONNECTIONS {
        let line = |Connection { local, remote, state }: &Connection| {
            (name(), format!("{local} <-> {remote} ({state})"))
        };
        return connections.iter().map(line).collect();
    }
    let groups = connection_groups(connections);
    let mut lines: Vec<(String, String)> = groups
        .iter()
        .take(SHOWN_GROUPS)
        .map(|group| (name(), format!("{} {} {}", group.of, group.count, group.state.to_lowercase())))
        .collect();
    let rest: usize = groups.get(SHOWN_GROUPS..).unwrap_or_default().iter().map(|group| group.count).sum();
    let more = if rest > 0 { format!("and {rest} more ") } else { String::new() };
    lines.push((name(), format!("{more}(--all lists each of the {})", connections.len())));
    lines
}

/// The format of ps: `[[DD-]hh:]mm:ss`.
pub(super) fn elapsed_text(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let clock = format!("{minutes:02}:{:02}", seconds % 60);
    match (days, hours) {
        (0, 0) => clock,
        (0, hours) => format!("{hours:02}:{clock}"),
        (days, hours) => format!("{days:02}-{hours:02}:{clock}"),
    }
}
