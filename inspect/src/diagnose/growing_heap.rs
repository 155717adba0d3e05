//! A growing heap, by the wrapper's exact counters: it grew in every part of the window, steadily, and resident memory
//! was never higher. So memory that is taken and given back in turn is not taken for a leak. A few seconds cannot tell
//! a leak from a cache that fills up: that is said, and what to run to be sure.

use rgops_protocol::reply::Known;

use super::finding::{Concerned, Finding, Gap, Kind};
use super::look::Look;
use super::seen::{Growing, MemoryLook, Seen};
use crate::text::{bytes_short, duration};

/// Moments that are compared.
const LEAST_LOOKS: usize = 5;
/// Growth in the window that is worth a line.
const LEAST_BYTES: u64 = 512 * 1024;
/// Each interval's rate has to be at least this part of the mean rate.
const LEAST_OF_MEAN: f64 = 0.25;

pub(super) fn look(seen: &Seen) -> Look {
    let what = "growth of the heap";
    let looks = match &seen.memory {
        Known::Value(looks) => looks,
        Known::Unavailable(why) => return Look { gaps: vec![Gap::new(what, why)], ..Look::default() },
    };
    let Some(growth) = growth(looks) else {
        let why = Known::<()>::unavailable(
            "the program does not count its allocations",
            "#[global_allocator] static ALLOCATOR: rgops_agent::alloc::Sampling = rgops_agent::alloc::Sampling::system();",
        );
        let Known::Unavailable(why) = why else { return Look::default() };
        return Look { gaps: vec![Gap::new(what, &why)], ..Look::default() };
    };
    let at = format!("{} of live heap at {} moments", bytes_short(growth.live), looks.len());
    if !growth.is_steady {
        return Look { at, ..Look::default() };
    }
    let per_minute = growth.bytes as f64 * 60e9 / growth.window_ns.max(1) as f64;
    let what =
        format!("the heap grew in every part of the window, by {} a minute", bytes_short(per_minute as u64));
    let evidence = vec![format!(
        "live heap {} to {} in {} (exact), at {} moments; resident memory was never higher",
        bytes_short(growth.live - growth.bytes),
        bytes_short(growth.live),
        duration(growth.window_ns / 100_000_000 * 100_000_000),
        looks.len()
    )];
    let finding = Finding::new(Kind::GrowingHeap, what, evidence)
        .concerning(seen.growing.iter().map(concerned))
        .but("a cache that fills up or a program that warms up looks the same in a few seconds")
        .more("leaks PID -d 2m", "the lines that grow, with certainty")
        .more("pprof-heap PID", "which lines hold memory now");
    Look { findings: vec![finding], at, gaps: Vec::new() }
}

/// Growth of the live heap.
pub(super) struct Growth {
    live: u64,
    bytes: u64,
    window_ns: u64,
    /// It may be a leak.
    pub(super) is_steady: bool,
}

/// The growth over the looks; `None` without the wrapper's counters.
pub(super) fn growth(looks: &[MemoryLook]) -> Option<Growth> {
    let live = |look: &MemoryLook| look.number("heap", "alloc");
    let (first, last) = (looks.first()?, looks.last()?);
    let (before, after) = (live(first)?, live(last)?);
    let window_ns = last.at_ns.saturating_sub(first.at_ns);
    let bytes = after.saturating_sub(before);
    let mean = bytes as f64 / window_ns.max(1) as f64;
    let grows = looks.windows(2).all(|pair| {
        let (Some(before), Some(after)) = (live(&pair[0]), live(&pair[1])) else { return false };
        let ns = pair[1].at_ns.saturating_sub(pair[0].at_ns);
        after > before && (after - before) as f64 >= mean * ns as f64 * LEAST_OF_MEAN
    });
    let rss = |name| last.number("process", name);
    let was_higher = match (rss("rss"), rss("rss-peak")) {
        (Some(now), Some(peak)) => now < peak - peak / 20,
        _ => false,
    };
    let is_steady = looks.len() >= LEAST_LOOKS && bytes >= LEAST_BYTES && grows && !was_higher;
    Some(Growth { live: after, bytes, window_ns, is_steady })
}

fn concerned(line: &Growing) -> Concerned {
    let bytes = bytes_short(line.bytes.unsigned_abs());
    Concerned {
        who: format!("{bytes} more, estimated"),
        does: format!("{:.0} % sure that it is not chance", line.confidence * 100.0),
        place: Some(line.place.clone()),
        ..Concerned::default()
    }
}
