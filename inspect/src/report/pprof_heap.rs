//! `rgops pprof-heap`: the summary after the file is saved: the top functions, and the estimate compared with the
//! exact counters.

use std::fmt::Write as _;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::reply::pprof_heap::{Estimate, ExactCounters, HeapCounters, HeapSource};
use serde::Serialize;

use super::document::Document;
use super::top::JsonTop;
use crate::heap::Heap;
use crate::profile::proto::Profile;
use crate::profile::top::Top;
use crate::text::{bytes_short, counted, duration};

/// The estimate of live memory, next to the exact counters.
#[derive(Debug, Clone)]
pub struct Reconciliation {
    source: Option<HeapSource>,
    allocator: String,
    mean_bytes: u64,
    live: Estimate,
    counters: HeapCounters,
    /// Exact counters over the window; for a single snapshot, since the program started.
    exact: Option<ExactCounters>,
    window_ns: Option<u64>,
}

impl Reconciliation {
    /// Compares a collected heap with its counters.
    pub fn new(heap: &Heap, is_window: bool) -> Reconciliation {
        let counters = heap.counters().copied().unwrap_or_default();
        let first = heap.snapshots().first().and_then(|snapshot| snapshot.counters.exact);
        let exact = match (counters.exact, first, is_window) {
            (Some(last), Some(first), true) => Some(ExactCounters {
                allocations: last.allocations.wrapping_sub(first.allocations),
                frees: last.frees.wrapping_sub(first.frees),
                reallocations: last.reallocations.wrapping_sub(first.reallocations),
                allocated_bytes: last.allocated_bytes.wrapping_sub(first.allocated_bytes),
                freed_bytes: last.freed_bytes.wrapping_sub(first.freed_bytes),
            }),
            (last, _, _) => last,
        };
        Reconciliation {
            source: heap.start().map(|start| start.source),
            allocator: heap.start().map(|start| start.allocator.clone()).unwrap_or_default(),
            mean_bytes: heap.mean_bytes(),
            live: heap.live(),
            counters,
            exact,
            window_ns: is_window.then(|| heap.window_ns()),
        }
    }

    /// `412 live samples represent 210.34MB in use, ± 10.41MB (1 σ); exact: 204.80MB (wrapper's counters)`, …
    pub fn text(&self) -> String {
        let live = &self.live;
        let mut text = format!(
            "{} {} {} in use, ± {} (1 σ)",
            counted(live.samples, "live sample"),
            if live.samples == 1 { "represents" } else { "represent" },
            bytes_short(live.bytes),
            bytes_short(live.bytes_deviation() as u64)
        );
        // Writing to a string cannot fail, here and below.
        if let Some(exact) = &self.counters.exact {
            let in_use = exact.allocated_bytes.saturating_sub(exact.freed_bytes);
            let _ = write!(text, "; exact: {} (wrapper's counters)", bytes_short(in_use));
        }
        text.push('\n');
        if let Some(exact) = &self.exact {
            let when = match self.window_ns {
                Some(ns) => format!("in {}", duration(rounded(ns))),
                None => "since the program started".to_owned(),
            };
            let _ = writeln!(
                text,
                "{when}: {} allocated in {}, {} freed in {} (exact)",
                bytes_short(exact.allocated_bytes),
                counted(exact.allocations, "block"),
                bytes_short(exact.freed_bytes),
                counted(exact.frees, "block")
            );
        }
        let source = match self.source {
            Some(HeapSource::Jemalloc) => "jemalloc's own profiler",
            _ => "the wrapper",
        };
        let _ = match self.mean_bytes {
            0 => writeln!(text, "sampling is off: the samples shown were taken before"),
            mean => writeln!(text, "sampled by {source}: one sample per {} on average", bytes_short(mean)),
        };
        text
    }
}

/// About three digits: rounded down to 10 ms from one second on, otherwise to 1 ms.
pub(super) fn rounded(ns: u64) -> u64 {
    let step = if ns < 1_000_000_000 { 1_000_000 } else { 10_000_000 };
    ns / step * step
}

/// The JSON contract `rgops.pprof-heap/1`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JsonPprofHeap<'a> {
    /// Where the profile was saved; `null` if it could not be saved.
    file: Option<&'a str>,
    /// Time of the first snapshot since the Unix epoch.
    unix_ns: i64,
    /// From the first snapshot to the last; 0 for a single one.
    duration_ns: i64,
    /// `wrapper` or `jemalloc`; `null` if unknown.
    source: Option<&'static str>,
    /// The wrapped allocator, or `jemalloc`.
    allocator: String,
    /// Mean bytes between two samples; 0 if sampling is off.
    mean_bytes: u64,
    /// Functions by descending flat value; values in `unit`.
    top: JsonTop<'a>,
    /// All live blocks.
    live: JsonEstimate,
    /// Exact counters since the program started; `null` if the source has none.
    exact: Option<JsonExact>,
    /// Blocks sampled, sampled and freed, and lost, since sampling started.
    sampled: u64,
    sampled_freed: u64,
    lost: u64,
    lost_bytes: u64,
    /// Sampled blocks without a stack, and with a truncated stack.
    without_stack: u64,
    truncated: u64,
}

/// An estimate from samples.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonEstimate {
    /// Number of samples.
    pub samples: u64,
    /// Estimated bytes.
    pub bytes: u64,
    /// Standard deviation of `bytes`.
    pub bytes_deviation: u64,
    /// Estimated blocks.
    pub objects: u64,
    /// Standard deviation of `objects`.
    pub objects_deviation: u64,
}

impl From<Estimate> for JsonEstimate {
    fn from(estimate: Estimate) -> JsonEstimate {
        JsonEstimate {
            samples: estimate.samples,
            bytes: estimate.bytes,
            bytes_deviation: estimate.bytes_deviation().round() as u64,
            objects: estimate.objects_milli.saturating_add(500) / 1000,
            objects_deviation: estimate.objects_deviation().round() as u64,
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonExact {
    allocations: u64,
    frees: u64,
    reallocations: u64,
    allocated_bytes: u64,
    freed_bytes: u64,
}

impl From<ExactCounters> for JsonExact {
    fn from(exact: ExactCounters) -> JsonExact {
        let ExactCounters { allocations, frees, reallocations, allocated_bytes, freed_bytes } = exact;
        JsonExact { allocations, frees, reallocations, allocated_bytes, freed_bytes }
    }
}

impl<'a> JsonPprofHeap<'a> {
    /// The report with the answer's notes, or with the reason why the answer ended early.
    pub fn document(
        hello: &AgentHello,
        file: Option<&'a str>,
        profile: &Profile,
        top: &'a Top,
        reconciliation: &Reconciliation,
        end: Result<&End, String>,
    ) -> Document<JsonPprofHeap<'a>> {
        let counters = &reconciliation.counters;
        let body = JsonPprofHeap {
            file,
            unix_ns: profile.time_nanos,
            duration_ns: profile.duration_nanos,
            source: reconciliation.source.map(|source| match source {
                HeapSource::Wrapper => "wrapper",
                HeapSource::Jemalloc => "jemalloc",
            }),
            allocator: reconciliation.allocator.clone(),
            mean_bytes: reconciliation.mean_bytes,
            top: top.into(),
            live: reconciliation.live.into(),
            exact: counters.exact.map(JsonExact::from),
            sampled: counters.sampled,
            sampled_freed: counters.sampled_freed,
            lost: counters.lost,
            lost_bytes: counters.lost_bytes,
            without_stack: counters.without_stack,
            truncated: counters.truncated,
        };
        Document::new("rgops.pprof-heap/1", hello.into(), end, body, None)
    }
}
