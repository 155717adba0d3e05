//! The trace itself: reads at its pace, sends the readings every 200 ms, ends on time.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rgops_capture::procfs;
use rgops_capture::sampler::{CpuSampler, Stopped, Tick};
use rgops_capture::{clock, signal_number};
use rgops_protocol::error::{Code, Error};
use rgops_protocol::reply::pprof_cpu::CpuSample;
use rgops_protocol::reply::trace::{RuntimePoint, TracePart, TraceStart, TraceTotals};
use rgops_protocol::reply::{End, Module, Note, NoteKind, Progress};
use rgops_protocol::request::TraceRequest;

use super::activity::{Activity, Found};
use super::pace::Pace;
use super::runtimes::Runtimes;
use crate::collect::pprof_cpu::{self, MAX_DURATION, MAX_HZ};
use crate::collect::{Context, Finish, Sink, Stop};

/// Bounds of the requested interval, in microseconds. Below, a reading takes longer than the interval.
const INTERVAL_US: std::ops::RangeInclusive<u32> = 1_000..=1_000_000;
const SEND_INTERVAL: Duration = Duration::from_millis(200);
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// How often the sampler's ring must be emptied. New threads are searched for as often.
const SAMPLER_INTERVAL: Duration = Duration::from_millis(50);
/// Tokio's counters change slowly, see `crate::busy`.
const RUNTIMES_INTERVAL: Duration = Duration::from_millis(20);

/// Points are sent when there are this many, even before the interval is over. Also the maximum of one packet: a
/// point is below 200 bytes, a sample of 512 frames below 5 KB.
const POINTS_PER_PACKET: usize = 2000;
const SAMPLES_PER_PACKET: usize = 200;
/// Maximum bytes of all modules, which are sent in one packet: half of its limit.
const MODULES_BYTES: usize = 512 * 1024;

pub(crate) async fn collect(
    arguments: TraceRequest,
    context: &Arc<Context>,
    sink: &Sink,
    finish: &mut Finish,
) -> Result<End, Stop> {
    let duration = Duration::from_millis(arguments.duration_ms);
    if arguments.hz > MAX_HZ || duration.is_zero() || duration > MAX_DURATION {
        let why = format!(
            "hz must be 0 to {MAX_HZ}, the duration greater than 0 and at most {} s",
            MAX_DURATION.as_secs()
        );
        return Err(Error::new(Code::Malformed, "cannot trace with these options", why, "").into());
    }
    let mut trace = Trace::start(&arguments, context, sink).await?;
    let ended_early = trace.run(duration, finish).await?;
    trace.end(ended_early, context).await
}

struct Trace<'s> {
    sink: &'s Sink,
    start_ns: u64,
    began: Instant,
    pace: Pace,
    activity: Activity,
    runtimes: Runtimes,
    sampler: Option<CpuSampler>,
    process_cpu_ns: u64,
    agent_cpu_ns: u64,
    late_readings: u64,
    gathered: u64,
    samples: u64,
    dropped_weight: u64,
    modules_left_out: u64,
    notes: Vec<Note>,
    found: Found,
    runtime_points: Vec<RuntimePoint>,
    sampled: Option<Instant>,
    runtimes_read: Option<Instant>,
    sent: Instant,
    last_progress: Option<Instant>,
}

impl<'s> Trace<'s> {
    async fn start(arguments: &TraceRequest, context: &Context, sink: &'s Sink) -> Result<Trace<'s>, Stop> {
        let interval_us = arguments.interval_us.clamp(*INTERVAL_US.start(), *INTERVAL_US.end());
        let interval = Duration::from_micros(interval_us.into());
        let activity = Activity::new().map_err(|error| {
            Error::new(
                Code::Unsupported,
                "cannot trace",
                format!("cannot read /proc/self/task/TID/schedstat: {error}"),
                match error.kind() {
                    io::ErrorKind::NotFound => {
                        "run the program where /proc is mounted, on a kernel with CONFIG_SCHED_INFO"
                    }
                    _ => procfs::fix(&error),
                },
            )
        })?;
        let (sampler, no_samples) = match arguments.hz {
            0 => (None, "none were requested".to_owned()),
            hz => match CpuSampler::start(hz) {
                Ok(sampler) => (Some(sampler), String::new()),
                Err(error) => (None, error.to_string()),
            },
        };
        let unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
        let now = Instant::now();
        let trace = Trace {
            sink,
            start_ns: clock::monotonic_ns(),
            began: now,
            pace: Pace::new(interval, Duration::from_millis(arguments.duration_ms)),
            activity,
            runtimes: Runtimes::new(context.runtimes.list()),
            process_cpu_ns: clock::process_cpu_ns(),
            agent_cpu_ns: clock::own_cpu_ns(),
            late_readings: 0,
            gathered: 0,
            samples: 0,
            dropped_weight: 0,
            modules_left_out: 0,
            notes: Vec::new(),
            found: Found::default(),
            runtime_points: Vec::new(),
            sampled: None,
            runtimes_read: None,
            sent: now,
            last_progress: None,
            sampler,
        };
        let start = TraceStart {
            unix_ns,
            monotonic_ns: trace.start_ns,
            pid: std::process::id(),
            interval_ns: interval.as_nanos() as u64,
            period_ns: trace.sampler.as_ref().map_or(0, CpuSampler::period_ns),
            no_samples,
            runtimes: trace.runtimes.names(),
        };
        sink.data(&TracePart::Start(start)).await?;
        Ok(trace)
    }

    /// Reads until the duration is over; returns whether the client requested to finish before that.
    async fn run(&mut self, duration: Duration, finish: &mut Finish) -> Result<bool, Stop> {
        let total_ms = duration.as_millis() as u64;
        let mut due = self.began;
        let mut cpu_ns = clock::own_cpu_ns();
        while self.began.elapsed() < duration {
            // A reading that is more than an interval late leaves an unintended gap.
            self.late_readings += u64::from(due.elapsed() > self.pace.interval());
            let (threads, of_threads) = self.read(false).await?;
            if self.sent.elapsed() >= SEND_INTERVAL || self.found.points.len() >= POINTS_PER_PACKET {
                self.send_all().await?;
            }
            // After a slow reading there is still a pause: another thread needs the CPU.
            let interval = self.pace.interval();
            due = (Instant::now() + interval / 2).max(due + interval).min(self.began + duration);
            if self.wait(due, total_ms, finish).await? {
                return Ok(true);
            }
            // Includes sending and everything else the agent's thread did.
            let now_ns = clock::own_cpu_ns();
            let cost = Duration::from_nanos(now_ns.saturating_sub(cpu_ns));
            self.pace.reading_cost(cost, threads, of_threads);
            cpu_ns = now_ns;
        }
        Ok(false)
    }

    /// Waits for the next reading and sends progress; returns whether the client requested to finish.
    async fn wait(&mut self, due: Instant, total_ms: u64, finish: &mut Finish) -> Result<bool, Stop> {
        loop {
            if self.last_progress.is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL) {
                self.last_progress = Some(Instant::now());
                let elapsed_ms = self.began.elapsed().as_millis() as u64;
                let progress = Progress { elapsed_ms, total_ms, gathered: self.gathered };
                self.sink.progress(&progress).await?;
            }
            let until = due.min(Instant::now() + PROGRESS_INTERVAL);
            if tokio::time::timeout_at(until.into(), finish.requested()).await.is_ok() {
                return Ok(true);
            }
            if Instant::now() >= due {
                return Ok(false);
            }
        }
    }

    /// One reading; `last` adds a point for every thread, whether it ran or not. Returns the number of threads
    /// read, and the CPU time for them.
    async fn read(&mut self, last: bool) -> Result<(usize, Duration), Stop> {
        let start_ns = self.start_ns;
        let now = move || clock::monotonic_ns().saturating_sub(start_ns);
        let is_due = |at: Option<Instant>, interval| last || at.is_none_or(|at| at.elapsed() >= interval);
        if is_due(self.sampled, SAMPLER_INTERVAL) {
            self.sampled = Some(Instant::now());
            if !last {
                // If it fails, the next scan finds the new threads.
                let _ = self.activity.scan(&now, &mut self.found).await;
            }
            if self.sampler.as_ref().is_some_and(|sampler| !sampler.is_undisturbed()) {
                self.stop_sampling().await?;
                let why = format!("the program installed its own {} handler", signal_number::chosen());
                self.note(NoteKind::EndedEarly, "CPU samples", self.samples, why);
            }
            if let Some(tick) = self.sampler.as_mut().map(CpuSampler::tick) {
                self.send_samples(tick).await?;
            }
        }
        if is_due(self.runtimes_read, RUNTIMES_INTERVAL) {
            self.runtimes_read = Some(Instant::now());
            self.runtimes.read(now(), &mut self.runtime_points);
        }
        if last {
            self.activity.read_all(&now, &mut self.found).await;
            return Ok((0, Duration::ZERO));
        }
        let cpu_ns = clock::own_cpu_ns();
        let pace = &self.pace;
        let idle_at_once = |active, idle| pace.idle_at_once(active, idle);
        let threads = self.activity.read(&now, idle_at_once, &mut self.found).await;
        Ok((threads, Duration::from_nanos(clock::own_cpu_ns().saturating_sub(cpu_ns))))
    }

    async fn end(mut self, ended_early: bool, context: &Context) -> Result<End, Stop> {
        self.read(true).await?;
        let duration_ns = clock::monotonic_ns().saturating_sub(self.start_ns);
        let process_cpu_ns = clock::process_cpu_ns().saturating_sub(self.process_cpu_ns);
        let agent_cpu_ns = clock::own_cpu_ns().saturating_sub(self.agent_cpu_ns);
        self.send_all().await?;
        self.stop_sampling().await?;
        context.counters.dropped.add(self.dropped_weight);
        if ended_early {
            let why = format!("ended on request after {} ms", duration_ns / 1_000_000);
            self.note(NoteKind::EndedEarly, "trace", 1, why);
        }
        self.reading_notes();
        let totals = TraceTotals {
            duration_ns,
            readings: self.pace.readings(),
            late_readings: self.late_readings,
            process_cpu_ns,
            agent_cpu_ns,
            samples: self.samples,
            dropped_weight: self.dropped_weight,
            resolution: self.sink.tail(self.activity.coverage().resolution(duration_ns)),
        };
        self.sink.data(&TracePart::Totals(totals)).await?;
        Ok(End { notes: self.notes })
    }

    /// Stops the sampler, sends the last samples and keeps their totals and notes.
    async fn stop_sampling(&mut self) -> Result<(), Stop> {
        let Some(sampler) = self.sampler.take() else { return Ok(()) };
        let sampler_ns = sampler.started_ns();
        let Stopped { samples: rest, totals, cuts, unsampled } = sampler.stop();
        self.send_samples_of(rest, sampler_ns).await?;
        self.samples = totals.samples;
        self.dropped_weight = totals.dropped_ring + totals.dropped_cache;
        self.notes.extend(pprof_cpu::notes(&totals, cuts, &unsampled));
        Ok(())
    }

    fn reading_notes(&mut self) {
        let runtimes = self.runtimes.notes();
        self.notes.extend(runtimes);
        if self.pace.stretched() > 0 {
            let longest = self.pace.longest().as_millis();
            let why = format!("up to {longest} ms apart, so that tracing takes about 3 % of a CPU");
            self.note(NoteKind::Approximate, "readings", self.pace.stretched(), why);
        }
        if self.late_readings > self.pace.readings() / 50 {
            let why = "the agent's thread had to wait for a CPU".to_owned();
            self.note(NoteKind::Approximate, "readings", self.late_readings, why);
        }
        if self.activity.not_read() > 0 {
            let why = "too many threads; those with the lowest ids are traced".to_owned();
            self.note(NoteKind::Truncated, "threads", self.activity.not_read(), why);
        }
        if let Some((count, error)) = self.activity.failures() {
            let why = format!("cannot read /proc/self/task: {error}");
            self.note(NoteKind::Missing, "readings of threads", count, why);
        }
        if self.modules_left_out > 0 {
            let why = "they do not fit in a packet; functions in them have no names".to_owned();
            self.note(NoteKind::Truncated, "modules", self.modules_left_out, why);
        }
    }

    fn note(&mut self, kind: NoteKind, what: &str, count: u64, why: String) {
        self.notes.push(Note { kind, what: what.to_owned(), count, why });
    }

    /// Sends everything read since the last call.
    async fn send_all(&mut self) -> Result<(), Stop> {
        self.sent = Instant::now();
        let Found { threads, mut points } = std::mem::take(&mut self.found);
        self.gathered += points.len() as u64;
        // Threads are read one after the other, and a point may be for an earlier moment.
        points.sort_by_key(|point| point.time_ns);
        send_pieces(self.sink, threads, POINTS_PER_PACKET, TracePart::Threads).await?;
        send_pieces(self.sink, points, POINTS_PER_PACKET, TracePart::Activity).await?;
        let runtimes = std::mem::take(&mut self.runtime_points);
        send_pieces(self.sink, runtimes, POINTS_PER_PACKET, TracePart::Runtimes).await
    }

    async fn send_samples(&mut self, tick: Tick) -> Result<(), Stop> {
        let sampler_ns = self.sampler.as_ref().map_or(self.start_ns, CpuSampler::started_ns);
        self.send_modules(tick.modules).await?;
        self.send_samples_of(tick.samples, sampler_ns).await?;
        self.send_modules(tick.modules_after).await
    }

    async fn send_modules(&mut self, modules: Option<Vec<Module>>) -> Result<(), Stop> {
        let Some(mut modules) = modules else { return Ok(()) };
        let fitting = fitting(&modules);
        self.modules_left_out = self.modules_left_out.max((modules.len() - fitting) as u64);
        modules.truncate(fitting);
        self.sink.data(&TracePart::Modules(modules)).await
    }

    /// Sends samples. Their times count from the sampler's start, which is a little before the start of the trace.
    async fn send_samples_of(&mut self, mut samples: Vec<CpuSample>, sampler_ns: u64) -> Result<(), Stop> {
        for sample in &mut samples {
            sample.time_ns = (sampler_ns + sample.time_ns).saturating_sub(self.start_ns);
        }
        send_pieces(self.sink, samples, SAMPLES_PER_PACKET, TracePart::Samples).await
    }
}

/// How many modules fit into a packet.
fn fitting(modules: &[Module]) -> usize {
    let mut bytes = 0;
    modules
        .iter()
        .take_while(|module| {
            bytes += module.path.len() + module.build_id.len() + 64;
            bytes <= MODULES_BYTES
        })
        .count()
}

async fn send_pieces<T>(
    sink: &Sink,
    mut list: Vec<T>,
    at_once: usize,
    part: fn(Vec<T>) -> TracePart,
) -> Result<(), Stop> {
    while !list.is_empty() {
        let rest = list.split_off(list.len().min(at_once));
        sink.data(&part(list)).await?;
        list = rest;
    }
    Ok(())
}
