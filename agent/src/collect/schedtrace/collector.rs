//! The answer: waits for each moment, and sends it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rgops_protocol::error::{Code, Error};
use rgops_protocol::reply::schedtrace::SchedtracePart;
use rgops_protocol::reply::{End, Known, Progress, Unavailable};
use rgops_protocol::request::{MAX_MOMENT_BYTES, MemoryRange, SchedtraceRequest};

use super::follow::Follower;
use crate::collect::{Context, Finish, Sink, Stop};

/// Bounds of the time between two moments. Below, the wakeups would be noticeable; above, no user waits.
pub(crate) const INTERVAL_MS: std::ops::RangeInclusive<u32> = 10..=3_600_000;
/// An agent must send a packet at least every 2 s (section 7 of `protocol/SPEC.md`).
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) async fn collect(
    arguments: SchedtraceRequest,
    memory: Result<(), Unavailable>,
    context: &Arc<Context>,
    sink: &Sink,
    finish: &mut Finish,
) -> Result<End, Stop> {
    let bytes: u64 = arguments.ranges.iter().map(|range| u64::from(range.length)).sum();
    if bytes > MAX_MOMENT_BYTES {
        let why = format!("{bytes} bytes per reading are requested, the limit is {MAX_MOMENT_BYTES}");
        return Err(Error::new(Code::Malformed, "cannot trace with these options", why, "").into());
    }
    let interval_ms = arguments.interval_ms.clamp(*INTERVAL_MS.start(), *INTERVAL_MS.end());
    let interval = Duration::from_millis(interval_ms.into());
    let mut follower = Follower::new(&context.runtimes);
    sink.data(&SchedtracePart::Runtimes(follower.runtimes())).await?;
    let began = Instant::now();
    let (mut due, mut sent) = (began + interval, 0);
    while arguments.count == 0 || sent < arguments.count {
        if wait(&mut follower, due, began, sink, finish).await? {
            break;
        }
        if follower.follow_new(&context.runtimes) {
            sink.data(&SchedtracePart::Runtimes(follower.runtimes())).await?;
        }
        let mut moment = follower.moment(began);
        moment.memory = ranges(&arguments, &memory);
        sink.data(&SchedtracePart::Moment(moment)).await?;
        sent += 1;
        // A slow client delays this loop. The moments it missed are not made up for.
        due = (due + interval).max(Instant::now() + interval / 2);
    }
    Ok(End::default())
}

/// Waits until `due`, reads the runtimes' counters and sends progress; returns whether the client requested to
/// finish.
async fn wait(
    follower: &mut Follower,
    due: Instant,
    began: Instant,
    sink: &Sink,
    finish: &mut Finish,
) -> Result<bool, Stop> {
    let mut last_progress = Instant::now();
    loop {
        let until = due.min(Instant::now() + follower.reading_interval(due));
        if tokio::time::timeout_at(until.into(), finish.requested()).await.is_ok() {
            return Ok(true);
        }
        follower.read();
        if Instant::now() >= due {
            return Ok(false);
        }
        if last_progress.elapsed() >= PROGRESS_INTERVAL {
            last_progress = Instant::now();
            let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            sink.progress(&Progress { elapsed_ms, total_ms: 0, gathered: 0 }).await?;
        }
    }
}

/// The current bytes of the ranges. The kernel copies them; a range that is not mapped is left out.
fn ranges(arguments: &SchedtraceRequest, memory: &Result<(), Unavailable>) -> Known<Vec<Option<Vec<u8>>>> {
    match memory {
        Ok(()) => Known::Value(arguments.ranges.iter().map(read).collect()),
        Err(refused) => Known::Unavailable(refused.clone()),
    }
}

#[cfg(native_engine)]
fn read(range: &MemoryRange) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(range.length).ok()?];
    rgops_capture::handle::copy(range.avma, &mut bytes).then_some(bytes)
}

#[cfg(not(native_engine))]
fn read(_range: &MemoryRange) -> Option<Vec<u8>> {
    None
}
