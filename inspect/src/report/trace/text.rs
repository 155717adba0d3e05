//! The summary as text.

use std::fmt::Write as _;

use crate::report::screen::Screen;
use crate::text::{counted, duration, escape, width};
use crate::trace::{Kind, Recorder, RuntimeSummary, ThreadSummary};

/// Maximum threads listed unless all are requested.
const TOP_THREADS: usize = 20;
/// Maximum runtimes listed unless all are requested.
const TOP_RUNTIMES: usize = 100;

/// The summary as text: how often threads were read, then threads by descending running time, then the runtimes, then the cost of the trace. With
/// `all`, every thread is listed.
pub fn render<W: std::io::Write>(trace: &Recorder<W>, all: bool) -> String {
    screen(trace, all).into_text()
}

/// Like [`render`]. If memory or time does not suffice, a note states that the rest is left out.
pub fn screen<W: std::io::Write>(trace: &Recorder<W>, all: bool) -> Screen {
    let mut text = Screen::new(trace.budget());
    if let Some(line) = resolution_line(trace) {
        let _ = writeln!(text, "{line}");
    }
    threads(&mut text, &trace.summary().threads(), all);
    let runtimes = trace.runtimes();
    let shown = if all { runtimes.len() } else { runtimes.len().min(TOP_RUNTIMES) };
    for runtime in &runtimes[..shown] {
        // A note at the end states what is not written, here and below.
        let _ = writeln!(text, "{}", runtime_line(runtime));
    }
    if shown < runtimes.len() {
        let more = counted((runtimes.len() - shown) as u64, "more runtime");
        let _ = writeln!(text, "and {more}: --all shows them");
    }
    let _ = writeln!(text, "{}", readings_line(trace));
    text.finish();
    text
}

/// `resolution 5ms for active threads (12), 200ms for idle ones (490)`; `None` if the agent does not tell.
fn resolution_line<W: std::io::Write>(trace: &Recorder<W>) -> Option<String> {
    let resolution = trace.totals()?.resolution.value()?;
    let (active, idle) = (resolution.active_threads, resolution.idle_threads);
    let (active_ns, idle_ns) = (rounded(resolution.active_ns), rounded(resolution.idle_ns));
    let mut line = format!("resolution {} for active threads ({active})", duration(active_ns));
    if idle > 0 {
        let _ = write!(line, ", {} for idle ones ({idle})", duration(idle_ns));
    }
    Some(line)
}

fn threads(text: &mut Screen, threads: &[&ThreadSummary], all: bool) {
    let shown = if all { threads.len() } else { threads.len().min(TOP_THREADS) };
    let wide = threads[..shown].iter().map(|thread| width([name(thread).as_str()])).max();
    let width = wide.unwrap_or(0).max("thread".len());
    let _ = write!(text, "{:<width$} {:>8} {:>8}", "thread", "tid", "seen");
    for kind in Kind::ALL {
        let _ = write!(text, " {:>column$}", kind.name(), column = column(kind));
    }
    text.push('\n');
    for thread in &threads[..shown] {
        if text.is_cut() {
            return;
        }
        let (name, life_ns) = (name(thread), thread.life_ns());
        let _ = write!(text, "{name:<width$} {:>8} {:>8}", thread.tid, duration(rounded(life_ns)));
        for kind in Kind::ALL {
            let _ = write!(text, " {:>column$}", share(thread.time(kind), life_ns), column = column(kind));
        }
        text.push('\n');
    }
    if shown < threads.len() {
        let more = counted((threads.len() - shown) as u64, "more thread");
        let _ = writeln!(text, "and {more} that ran less: --all shows them");
    }
}

fn name(thread: &ThreadSummary) -> String {
    let mut name = escape(&thread.name).into_owned();
    if thread.is_agent {
        name.push_str(" (agent)");
    }
    if thread.ended {
        name.push_str(" (ended)");
    }
    name
}

/// Wide enough for the name and for `100.0%`.
fn column(kind: Kind) -> usize {
    kind.name().len().max(6)
}

/// Rounded down to about three digits, enough for a column.
fn rounded(ns: u64) -> u64 {
    match ns {
        10_000_000_000.. => ns / 100_000_000 * 100_000_000,
        1_000_000.. => ns / 10_000 * 10_000,
        _ => ns,
    }
}

/// `12.3%`; `-` for exactly 0, to distinguish it from small shares.
fn share(ns: u64, of_ns: u64) -> String {
    match (ns, of_ns) {
        (0, _) | (_, 0) => "-".to_owned(),
        _ => format!("{:.1}%", ns as f64 * 100.0 / of_ns as f64),
    }
}

fn runtime_line(runtime: &RuntimeSummary) -> String {
    let busy = match runtime.busy_share() {
        Some(share) => format!("busy {:.1}%", share * 100.0),
        None => "busy share unknown".to_owned(),
    };
    format!(
        "runtime {}: {}, {busy}, at most {} alive and {} in the global queue",
        escape(&runtime.name),
        counted(runtime.workers.into(), "worker"),
        counted(runtime.max_alive_tasks, "task"),
        runtime.max_global_queue
    )
}

fn readings_line<W: std::io::Write>(trace: &Recorder<W>) -> String {
    let (samples, weight, _) = trace.samples();
    let samples = match trace.start().map(|start| start.no_samples.as_str()) {
        Some(reason) if !reason.is_empty() => format!("no CPU samples: {}", escape(reason)),
        _ => format!("{} of weight {weight}", counted(samples, "CPU sample")),
    };
    let window = duration(rounded(trace.duration_ns()));
    match trace.totals() {
        None => format!("window {window}; {samples}"),
        Some(totals) => {
            let share = share(totals.agent_cpu_ns, totals.duration_ns);
            let cost = if share == "-" { "0%".to_owned() } else { share };
            // Threads that live for less than the time between two readings are not seen.
            let seen = |sum: u64, thread: &&ThreadSummary| sum.saturating_add(thread.time(Kind::Running));
            let seen_ns = trace.summary().threads().iter().fold(0, seen);
            format!(
                "window {window}, {}; {samples}; {} of the process's {} CPU seen; tracing cost {cost} of one CPU",
                counted(totals.readings, "reading"),
                duration(rounded(seen_ns)),
                duration(rounded(totals.process_cpu_ns)),
            )
        }
    }
}
