//! The notes that report what a profile by the native engine lacks.

use rgops_capture::sampler::{Cuts, Unsampled};
use rgops_capture::{exempt_threads, signal_number};
use rgops_protocol::reply::pprof_cpu::CpuTotals;
use rgops_protocol::reply::{Note, NoteKind};

use crate::collect::{callers_hidden, unknown_stacks};

/// The notes of a profile by the native engine.
pub(crate) fn notes(totals: &CpuTotals, cuts: Cuts, unsampled: &Unsampled) -> Vec<Note> {
    let (unknown_stacks, stacks_why) = unknown_stacks(cuts.unknown_stacks);
    let exempt_threads =
        format!("of {} threads that get no signal: {}", cuts.exempt_threads, exempt_threads::REASON);
    // Less than 1 % comes from the edges of the window and is not reported.
    let small_ns = totals.process_cpu_ns / 100;
    let reported_ms = |ns: u64| if ns > small_ns { ns / 1_000_000 } else { 0 };
    let signal = signal_number::chosen();
    let blocked =
        format!("of threads that block {signal} and cannot be sampled: {}", unsampled.blocked_names());
    let waiting = format!("of threads that wait for signals and would take {signal} for their own");
    let delivered_late =
        format!("their threads had blocked {signal}: the samples show where it was unblocked");
    const CPU_TIME: &str = "ms of CPU time";
    [
        (NoteKind::Dropped, "sample weights", totals.dropped_ring, "the ring was full"),
        (
            NoteKind::Dropped,
            "sample weights",
            totals.dropped_cache,
            "too many threads were unwinding at once",
        ),
        (NoteKind::Truncated, "samples", totals.truncated, "their stacks are deeper than the limit"),
        (NoteKind::Truncated, "samples", totals.lost_walks.saturating_sub(unknown_stacks), callers_hidden()),
        (NoteKind::Truncated, "samples", unknown_stacks, stacks_why),
        (NoteKind::Approximate, "sample weights", unsampled.delivered_late, &*delivered_late),
        (NoteKind::Missing, CPU_TIME, unsampled.exempt_ns.div_ceil(1_000_000), &*exempt_threads),
        (NoteKind::Missing, "threads", totals.timer_failures, "no CPU timer could be made for them"),
        (NoteKind::Missing, CPU_TIME, reported_ms(unsampled.blocked_ns), &*blocked),
        (NoteKind::Missing, CPU_TIME, reported_ms(unsampled.waiting_ns), &*waiting),
        (NoteKind::Missing, CPU_TIME, reported_ms(unsampled.untimed_ns), "of threads without a CPU timer"),
        (NoteKind::Missing, CPU_TIME, reported_ms(unsampled.begun_ns), "of threads before they had a timer"),
        (
            NoteKind::Missing,
            CPU_TIME,
            reported_ms(unsampled.certainly_unattributed_ns()),
            "not attributed to a thread: a thread that starts and ends between two readings leaves no clock to read",
        ),
    ]
    .into_iter()
    .filter(|(_, _, count, _)| *count > 0)
    .map(|(kind, what, count, why)| Note { kind, what: what.to_owned(), count, why: why.to_owned() })
    .collect()
}
