//! The answer: one snapshot, or the snapshots of a window.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rgops_capture::heap::{self, Reading};
use rgops_protocol::error::{Code, Error};
use rgops_protocol::reply::pprof_heap::{
    Estimate, HeapBucket, HeapSnapshot, HeapSource, HeapStack, HeapStart, PprofHeapPart,
};
use rgops_protocol::reply::{End, Module, Note, NoteKind, Progress};
use rgops_protocol::request::PprofHeapRequest;

use super::source::Source;
use crate::collect::{Context, Finish, Sink, Stop};

/// The longest window.
const MAX_DURATION: Duration = Duration::from_secs(24 * 3600);
/// Minimum time between snapshots: each reads every entry of the tables.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// Time between two progress packets in a window.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

// These counts stay below a packet's limit of 1 MiB: a number takes at most 9 bytes.
const MODULES_PER_PACKET: usize = 1000;
const STACKS_PER_PACKET: usize = 400;
const BUCKETS_PER_PACKET: usize = 8_000;
const BLOCKS_PER_PACKET: usize = 20_000;

/// The fix for a program whose allocator is not wrapped.
pub(in crate::collect) const WRAP_IT: &str = "add two lines to the program, outside of functions, and restart it:\n\
     #[global_allocator]\n\
     static ALLOCATOR: rgops_agent::alloc::Sampling<std::alloc::System> = rgops_agent::alloc::Sampling::new(std::alloc::System);";

pub(crate) async fn collect(
    arguments: PprofHeapRequest,
    context: &Arc<Context>,
    sink: &Sink,
    finish: &mut Finish,
) -> Result<End, Stop> {
    let duration = Duration::from_millis(arguments.duration_ms);
    if duration > MAX_DURATION {
        let why = format!("the window must be at most {} s", MAX_DURATION.as_secs());
        return Err(Error::new(Code::Malformed, "cannot profile the heap with these options", why, "").into());
    }
    if heap::is_sampled() {
        return Window::new(&arguments, sink, Sampled::default()).run(finish).await;
    }
    #[cfg(feature = "jemalloc")]
    if heap::allocator().is_none() {
        let source = super::jemalloc::Profiler::active().await?;
        return Window::new(&arguments, sink, source).run(finish).await;
    }
    Err(missing(context).into())
}

/// The error with the reason why there are no samples, and the fix.
fn missing(context: &Context) -> Error {
    let what = "cannot profile the heap";
    if heap::allocator().is_none() {
        let why = "the program's allocator is not sampled";
        return Error::new(Code::Unsupported, what, why, WRAP_IT);
    }
    match &context.heap_failure {
        Some(failure) => Error::new(Code::Unsupported, what, failure, ""),
        None => Error::new(
            Code::Unsupported,
            what,
            "sampling is off and has been off since the program started",
            "turn it on with: rgops heap-rate PID 524288 (the program must allow it: Options::allow(Command::HeapRate))",
        ),
    }
}

/// A window of snapshots.
struct Window<'a, S> {
    arguments: &'a PprofHeapRequest,
    sink: &'a Sink,
    source: S,
    began: Instant,
    gathered: u64,
}

impl<'a, S: Source> Window<'a, S> {
    fn new(arguments: &'a PprofHeapRequest, sink: &'a Sink, source: S) -> Window<'a, S> {
        Window { arguments, sink, source, began: Instant::now(), gathered: 0 }
    }

    async fn run(mut self, finish: &mut Finish) -> Result<End, Stop> {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
        self.sink.data(&PprofHeapPart::Start(self.source.start(unix))).await?;
        self.began = Instant::now();
        let duration = Duration::from_millis(self.arguments.duration_ms);
        let interval = match self.arguments.interval_ms {
            0 => duration,
            interval => Duration::from_millis(interval.into()).max(MIN_INTERVAL),
        };
        self.snapshot().await?;
        let mut due = interval;
        let mut is_finish_requested = false;
        while !is_finish_requested && self.began.elapsed() < duration {
            is_finish_requested = self.wait_until(due.min(duration), finish).await?;
            self.snapshot().await?;
            // With a slow client, snapshots are skipped. They do not pile up.
            due = (due + interval).max(self.began.elapsed());
        }
        let mut notes = self.source.notes();
        if is_finish_requested {
            let why = format!("ended on request after {} ms", self.began.elapsed().as_millis());
            notes.push(Note { kind: NoteKind::EndedEarly, what: "window".to_owned(), count: 1, why });
        }
        Ok(End { notes })
    }

    async fn snapshot(&mut self) -> Result<(), Stop> {
        let time_ns = self.began.elapsed().as_nanos() as u64;
        self.sink.data(&PprofHeapPart::Snapshot(HeapSnapshot { time_ns })).await?;
        self.gathered = self.source.snapshot(self.sink, self.arguments.live).await?;
        Ok(())
    }

    /// Waits and sends progress; returns whether the client requested to finish.
    async fn wait_until(&self, due: Duration, finish: &mut Finish) -> Result<bool, Stop> {
        loop {
            let elapsed = self.began.elapsed();
            self.sink
                .progress(&Progress {
                    elapsed_ms: elapsed.as_millis() as u64,
                    total_ms: self.arguments.duration_ms,
                    gathered: self.gathered,
                })
                .await?;
            let rest = due.saturating_sub(elapsed);
            if rest.is_zero() {
                return Ok(finish.is_requested());
            }
            if tokio::time::timeout(rest.min(PROGRESS_INTERVAL), finish.requested()).await.is_ok() {
                return Ok(true);
            }
        }
    }
}

/// The wrapper's samples, and what was already sent to the client.
#[derive(Default)]
struct Sampled {
    sent: HashMap<u32, (Estimate, Estimate)>,
    modules: Vec<Module>,
    last: Reading,
}

impl Source for Sampled {
    fn start(&self, unix_ns: u64) -> HeapStart {
        HeapStart {
            unix_ns,
            source: HeapSource::Wrapper,
            allocator: heap::allocator().unwrap_or_default().to_owned(),
            mean_bytes: heap::rate(),
            since_unix_ns: heap::since_unix_ns(),
        }
    }

    async fn snapshot(&mut self, sink: &Sink, with_blocks: bool) -> Result<u64, Stop> {
        // Read before the modules, so that every stack's modules are in their list.
        let mut reading = heap::read(with_blocks);
        let mut modules = heap::list_modules(self.modules.is_empty());
        modules.truncate(MODULES_PER_PACKET);
        if modules != self.modules {
            sink.data(&PprofHeapPart::Modules(modules.clone())).await?;
            self.modules = modules;
        }
        reading
            .buckets
            .retain(|bucket| self.sent.get(&bucket.stack) != Some(&(bucket.allocated, bucket.freed)));
        let is_new = |stack: &u32| !self.sent.contains_key(stack);
        // A live block may have a stack whose sums were not there yet when the sums were read.
        let mut new: Vec<u32> = reading.buckets.iter().map(|bucket| bucket.stack).filter(is_new).collect();
        new.extend(reading.live.iter().map(|block| block.stack).filter(is_new));
        new.sort_unstable();
        new.dedup();
        for numbers in new.chunks(STACKS_PER_PACKET) {
            let stack = |id: &u32| HeapStack { id: *id, stack: heap::stack(*id) };
            sink.data(&PprofHeapPart::Stacks(numbers.iter().map(stack).collect())).await?;
        }
        self.sent.extend(new.into_iter().map(|stack| (stack, Default::default())));
        for HeapBucket { stack, allocated, freed } in &reading.buckets {
            self.sent.insert(*stack, (*allocated, *freed));
        }
        for buckets in reading.buckets.chunks(BUCKETS_PER_PACKET) {
            sink.data(&PprofHeapPart::Buckets(buckets.to_vec())).await?;
        }
        for blocks in reading.live.chunks(BLOCKS_PER_PACKET) {
            sink.data(&PprofHeapPart::Live(blocks.to_vec())).await?;
        }
        sink.data(&PprofHeapPart::Counters(reading.counters)).await?;
        self.last = Reading { buckets: Vec::new(), live: Vec::new(), ..reading };
        Ok(self.last.counters.sampled)
    }

    fn notes(&self) -> Vec<Note> {
        let counters = &self.last.counters;
        let without_slot = heap::samples_without_slot().min(counters.without_stack);
        let (unknown_stacks, unknown_why) = crate::collect::unknown_stacks(heap::samples_on_unknown_stacks());
        [
            (NoteKind::Dropped, "sampled blocks", counters.lost, "the table of live blocks was full"),
            (
                NoteKind::Missing,
                "stacks of sampled blocks",
                counters.without_stack.saturating_sub(without_slot),
                "the table of stacks was full, or the stack could not be walked, as in a signal handler",
            ),
            (
                NoteKind::Missing,
                "stacks of sampled blocks",
                without_slot,
                "more than 2048 threads lived at a time, and only that many have the slot that a walk needs",
            ),
            (NoteKind::Truncated, "stacks of sampled blocks", unknown_stacks, unknown_why),
            (
                NoteKind::Truncated,
                "sampled blocks",
                counters.truncated,
                "their stacks are deeper than the limit",
            ),
        ]
        .into_iter()
        .filter(|(_, _, count, _)| *count > 0)
        .map(|(kind, what, count, why)| Note { kind, what: what.to_owned(), count, why: why.to_owned() })
        .collect()
    }
}
