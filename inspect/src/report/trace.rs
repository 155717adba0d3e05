//! `rgops trace`: what every thread spent its time on, and the runtimes, below the saved file.

use std::fmt::Write as _;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use serde::Serialize;

use super::document::Document;
use super::screen::{Room, Screen};
use crate::text::{counted, duration, escape, width};
use crate::trace::{Kind, Recorder, RuntimeSummary, ThreadSummary};

/// Threads listed unless all are asked for.
const TOP_THREADS: usize = 20;
/// And runtimes.
const TOP_RUNTIMES: usize = 100;

/// The summary as text: threads by falling running time, then the runtimes, then what the trace
/// cost. With `all`, every thread is listed.
pub fn render<W: std::io::Write>(trace: &Recorder<W>, all: bool) -> String {
    screen(trace, all).into_text()
}

/// As [`render`]; what there was no memory or time for is left out, and said to be.
pub fn screen<W: std::io::Write>(trace: &Recorder<W>, all: bool) -> Screen {
    let mut text = Screen::new(trace.budget());
    threads(&mut text, &trace.summary().threads(), all);
    let runtimes = trace.runtimes();
    let shown = if all { runtimes.len() } else { runtimes.len().min(TOP_RUNTIMES) };
    for runtime in &runtimes[..shown] {
        // What is not written is said at the end, here and below.
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

/// Three digits are enough in a column.
fn rounded(ns: u64) -> u64 {
    match ns {
        10_000_000_000.. => ns / 100_000_000 * 100_000_000,
        1_000_000.. => ns / 10_000 * 10_000,
        _ => ns,
    }
}

/// `12.3%`; `-` for nothing at all, so that small shares are told from none.
fn share(ns: u64, of_ns: u64) -> String {
    match (ns, of_ns) {
        (0, _) | (_, 0) => "-".to_owned(),
        _ => format!("{:.1}%", ns as f64 * 100.0 / of_ns as f64),
    }
}

fn runtime_line(runtime: &RuntimeSummary) -> String {
    let busy = match runtime.busy_share() {
        Some(share) => format!("busy {:.1}%", share * 100.0),
        None => "busy share not known".to_owned(),
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
            let cost = if share == "-" { "nothing".to_owned() } else { share };
            // Threads that live shorter than a reading takes to come are not seen.
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

/// The JSON contract `rgops.trace/1`. Times are nanoseconds.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JsonTrace<'a> {
    /// Where the trace was saved; `null` when it could not be.
    file: Option<&'a str>,
    /// Beginning of the window, since the Unix epoch.
    unix_ns: u64,
    duration_ns: u64,
    /// Time between two readings as it was meant to be.
    interval_ns: u64,
    /// Readings made, and those that came late; `null` when the answer broke off, as all CPU times.
    readings: Option<u64>,
    late_readings: Option<u64>,
    process_cpu_ns: Option<u64>,
    agent_cpu_ns: Option<u64>,
    /// CPU time between two samples; 0: none were taken.
    sample_period_ns: u64,
    samples: u64,
    sample_weight: u64,
    dropped_sample_weight: Option<u64>,
    /// Samples whose stack was not kept.
    samples_without_stack: u64,
    /// Why there are no samples; absent when there are.
    #[serde(skip_serializing_if = "str::is_empty")]
    no_samples: &'a str,
    /// By falling running time.
    threads: Vec<JsonThread<'a>>,
    runtimes: Vec<JsonRuntime>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonThread<'a> {
    tid: u32,
    name: &'a str,
    is_agent: bool,
    ended: bool,
    /// When it was first seen, since the window began.
    first_ns: u64,
    /// Its life in the window: the sum of the following.
    life_ns: u64,
    running_ns: u64,
    runnable_ns: u64,
    futex_ns: u64,
    network_ns: u64,
    poll_ns: u64,
    file_ns: u64,
    sleeping_ns: u64,
    other_ns: u64,
    unknown_ns: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonRuntime {
    name: String,
    workers: u32,
    /// Of all workers together, over `window_ns`.
    busy_ns: u64,
    window_ns: u64,
    max_alive_tasks: u64,
    max_global_queue: u64,
}

impl<'a> JsonTrace<'a> {
    /// The report with the answer's notes, or with the reason it broke off. Where there is no memory or
    /// time for all threads some are left out, and that is the reason, if there is no other.
    pub fn document<W: std::io::Write>(
        hello: &AgentHello,
        file: Option<&'a str>,
        trace: &'a Recorder<W>,
        end: Result<&End, String>,
    ) -> Document<JsonTrace<'a>> {
        let (start, totals) = (trace.start(), trace.totals());
        let (samples, sample_weight, samples_without_stack) = trace.samples();
        let mut room = Room::new(trace.budget());
        let threads = room.fill(trace.summary().threads().into_iter().map(JsonThread::new));
        let runtimes = room.fill(trace.runtimes().into_iter().map(JsonRuntime::new));
        let body = JsonTrace {
            file,
            unix_ns: start.map_or(0, |start| start.unix_ns),
            duration_ns: trace.duration_ns(),
            interval_ns: start.map_or(0, |start| start.interval_ns),
            readings: totals.map(|totals| totals.readings),
            late_readings: totals.map(|totals| totals.late_readings),
            process_cpu_ns: totals.map(|totals| totals.process_cpu_ns),
            agent_cpu_ns: totals.map(|totals| totals.agent_cpu_ns),
            sample_period_ns: start.map_or(0, |start| start.period_ns),
            samples,
            sample_weight,
            dropped_sample_weight: totals.map(|totals| totals.dropped_weight),
            samples_without_stack,
            no_samples: start.map_or("", |start| &start.no_samples),
            threads,
            runtimes,
        };
        Document::new("rgops.trace/1", hello.into(), end, body, room.cut())
    }
}

impl<'a> JsonThread<'a> {
    fn new(thread: &'a ThreadSummary) -> JsonThread<'a> {
        JsonThread {
            tid: thread.tid,
            name: &thread.name,
            is_agent: thread.is_agent,
            ended: thread.ended,
            first_ns: thread.first_ns,
            life_ns: thread.life_ns(),
            running_ns: thread.time(Kind::Running),
            runnable_ns: thread.time(Kind::Runnable),
            futex_ns: thread.time(Kind::Futex),
            network_ns: thread.time(Kind::Network),
            poll_ns: thread.time(Kind::Poll),
            file_ns: thread.time(Kind::File),
            sleeping_ns: thread.time(Kind::Sleeping),
            other_ns: thread.time(Kind::Other),
            unknown_ns: thread.time(Kind::Unknown),
        }
    }
}

impl JsonRuntime {
    fn new(runtime: RuntimeSummary) -> JsonRuntime {
        let RuntimeSummary { name, workers, busy_ns, window_ns, max_alive_tasks, max_global_queue } = runtime;
        JsonRuntime { name, workers, busy_ns, window_ns, max_alive_tasks, max_global_queue }
    }
}

#[cfg(test)]
mod tests;
