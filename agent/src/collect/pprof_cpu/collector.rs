//! The answer: checks the arguments, and sends samples while they are taken.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rgops_capture::Tick;
use rgops_protocol::error::{Code, Error};
use rgops_protocol::reply::pprof_cpu::{CpuSample, CpuStart, CpuTotals, PprofCpuPart};
use rgops_protocol::reply::{End, Module, Note, NoteKind, Progress};
use rgops_protocol::request::PprofCpuRequest;

use super::sampling::{Ended, Sampling};
use crate::collect::{Context, Finish, Sink, Stop};

/// The longest profile.
pub(crate) const MAX_DURATION: Duration = Duration::from_secs(3600);
/// The highest rate. The kernel's tick limits how often a signal really comes; weights compensate for it.
pub(crate) const MAX_HZ: u32 = 10_000;

const TICK: Duration = Duration::from_millis(50);
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// Maximum samples in one packet: with 512 frames of 9 bytes each it stays below the limit of a packet.
const SAMPLES_PER_PACKET: usize = 200;
const MODULES_PER_PACKET: usize = 1000;

pub(crate) async fn collect(
    arguments: PprofCpuRequest,
    context: &Arc<Context>,
    sink: &Sink,
    finish: &mut Finish,
) -> Result<End, Stop> {
    let duration = Duration::from_millis(arguments.duration_ms);
    if !(1..=MAX_HZ).contains(&arguments.hz) || duration.is_zero() || duration > MAX_DURATION {
        return Err(Error::new(
            Code::Malformed,
            "cannot profile with these options",
            format!(
                "hz must be 1 to {MAX_HZ}, the duration greater than 0 and at most {} s",
                MAX_DURATION.as_secs()
            ),
            "",
        )
        .into());
    }
    let unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    let engine = context.cpu_engine;
    let progress = |started: Option<Instant>, gathered| Progress {
        elapsed_ms: started.map_or(0, |started| started.elapsed().as_millis() as u64),
        total_ms: arguments.duration_ms,
        gathered,
    };
    let mut sampling =
        with_progress(Sampling::start(engine, arguments.hz), sink, || progress(None, 0)).await??;
    let started = Instant::now();
    let start = CpuStart {
        unix_ns,
        period_ns: sampling.period_ns(),
        engine: engine.name().to_owned(),
        fallback: engine.fallback().to_owned(),
    };
    sink.data(&PprofCpuPart::Start(start)).await?;

    let mut gathered = 0;
    let mut last_progress: Option<Instant> = None;
    let mut ended_early = None;
    while started.elapsed() < duration {
        ended_early = sampling.taken_over();
        if ended_early.is_some() {
            break;
        }
        let tick = sampling.tick();
        gathered += tick.samples.len() as u64;
        send(tick, sink).await?;
        if last_progress.is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL) {
            last_progress = Some(Instant::now());
            sink.progress(&progress(Some(started), gathered)).await?;
        }
        let pause = TICK.min(duration.saturating_sub(started.elapsed()));
        if tokio::time::timeout(pause, finish.requested()).await.is_ok() {
            ended_early = Some("ended on request".to_owned());
            break;
        }
    }
    // The last samples need the modules that were loaded since the last tick.
    send(sampling.tick(), sink).await?;
    let ended_early = ended_early.or_else(|| sampling.taken_over());
    let ended = with_progress(sampling.stop(), sink, || progress(Some(started), gathered)).await??;
    let Ended { rest, totals, mut notes } = ended;
    send(rest, sink).await?;
    context.counters.dropped.add(totals.dropped_ring + totals.dropped_cache);
    if let Some(reason) = ended_early {
        let why = format!("{reason} after {} ms", totals.duration_ns / 1_000_000);
        notes.push(Note { kind: NoteKind::EndedEarly, what: "profile".to_owned(), count: 1, why });
    }
    send_totals(totals, sink).await?;
    Ok(End { notes })
}

/// Waits for a slow engine and sends progress meanwhile. Without it the client would time out.
async fn with_progress<T>(
    work: impl Future<Output = T>,
    sink: &Sink,
    progress: impl Fn() -> Progress,
) -> Result<T, Stop> {
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(PROGRESS_INTERVAL, &mut work).await {
            Ok(done) => return Ok(done),
            Err(_) => sink.progress(&progress()).await?,
        }
    }
}

async fn send(tick: Tick, sink: &Sink) -> Result<(), Stop> {
    send_modules(tick.modules, sink).await?;
    let mut samples: Vec<CpuSample> = tick.samples;
    while !samples.is_empty() {
        let rest = samples.split_off(samples.len().min(SAMPLES_PER_PACKET));
        sink.data(&PprofCpuPart::Samples(samples)).await?;
        samples = rest;
    }
    send_modules(tick.modules_after, sink).await
}

async fn send_modules(modules: Option<Vec<Module>>, sink: &Sink) -> Result<(), Stop> {
    let Some(mut modules) = modules else { return Ok(()) };
    modules.truncate(MODULES_PER_PACKET);
    sink.data(&PprofCpuPart::Modules(modules)).await
}

/// Sends the totals, which list the threads. If there are too many threads, those with the least CPU time are
/// left out.
async fn send_totals(mut totals: CpuTotals, sink: &Sink) -> Result<(), Stop> {
    const MAX_THREADS: usize = 16 * 1024;
    totals.threads.sort_unstable_by_key(|thread| std::cmp::Reverse((thread.cpu_ns, thread.weight)));
    totals.threads.truncate(MAX_THREADS);
    sink.data(&PprofCpuPart::Totals(totals)).await
}
