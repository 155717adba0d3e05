//! The summary in JSON.

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::reply::trace::TraceResolution;
use serde::Serialize;

use crate::report::document::Document;
use crate::report::screen::Room;
use crate::trace::{Kind, Recorder, RuntimeSummary, ThreadSummary};

/// The JSON contract `rgops.trace/1`. Times are nanoseconds.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JsonTrace<'a> {
    /// Where the trace was saved; `null` if it could not be saved.
    file: Option<&'a str>,
    /// Start of the window since the Unix epoch.
    unix_ns: u64,
    duration_ns: u64,
    /// Intended time between two readings.
    interval_ns: u64,
    /// Number of readings, and of late ones; `null` if the answer ended early, as are all CPU times.
    readings: Option<u64>,
    late_readings: Option<u64>,
    process_cpu_ns: Option<u64>,
    agent_cpu_ns: Option<u64>,
    /// CPU time between two samples; 0 if none were taken.
    sample_period_ns: u64,
    samples: u64,
    sample_weight: u64,
    dropped_sample_weight: Option<u64>,
    /// Samples whose stack was not kept.
    samples_without_stack: u64,
    /// Why there are no samples; absent if there are any.
    #[serde(skip_serializing_if = "str::is_empty")]
    no_samples: &'a str,
    /// By descending running time.
    threads: Vec<JsonThread<'a>>,
    runtimes: Vec<JsonRuntime>,
    /// How often threads were read; absent if the agent does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<JsonResolution>,
}

/// Means over the window.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonResolution {
    /// Threads that ran within half a second, without the agent's.
    active_threads: u32,
    /// Time between two readings of each of them.
    active_ns: u64,
    /// The other threads.
    idle_threads: u32,
    /// Time between two readings of each of them.
    idle_ns: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonThread<'a> {
    tid: u32,
    name: &'a str,
    is_agent: bool,
    ended: bool,
    /// When it was first seen, since the start of the window.
    first_ns: u64,
    /// Its lifetime in the window: the sum of the times below.
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
    /// Sum over all workers, within `window_ns`.
    busy_ns: u64,
    window_ns: u64,
    max_alive_tasks: u64,
    max_global_queue: u64,
}

impl From<TraceResolution> for JsonResolution {
    fn from(resolution: TraceResolution) -> JsonResolution {
        let TraceResolution { active_threads, active_ns, idle_threads, idle_ns } = resolution;
        JsonResolution { active_threads, active_ns, idle_threads, idle_ns }
    }
}

impl<'a> JsonTrace<'a> {
    /// The report with the answer's notes, or with the reason why the answer ended early. If memory or time does not
    /// suffice for all threads, the rest is left out, and that is the reason unless there is another one.
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
            resolution: totals
                .and_then(|totals| totals.resolution.value())
                .copied()
                .map(JsonResolution::from),
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
