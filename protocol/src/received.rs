//! What a client does with everything it decodes, before it looks at it: texts are cut to what a reader
//! can use, and what the value holds is counted.
//!
//! An agent may be any program that has the socket. Its packets are bounded in bytes ([`crate::wire`]),
//! but a packet's one text may be a million characters long, and a packet of a megabyte may decode to many
//! times as much. So every reply says, field by field, how long its texts may be; the impls below take
//! each type apart by name, so that a new field does not compile until it is listed here.

use crate::auth::{AgentProof, Challenge};
use crate::codec::{self, Decode, DecodeError};
use crate::error::Error;
use crate::hello::{AgentHello, CommandVersion};
use crate::reply::cpu::{CpuPart, CpuSample, CpuStart, CpuThread, CpuTotals};
use crate::reply::heap::{
    Estimate, ExactCounters, HeapBucket, HeapCounters, HeapPart, HeapSnapshot, HeapSource, HeapStack,
    HeapStart, LiveBlock,
};
use crate::reply::heap_rate::HeapRateReply;
use crate::reply::memory::{Field, MemoryReply, Section, Unit};
use crate::reply::read::ReadPart;
use crate::reply::release::{ReleaseReply, Released};
use crate::reply::schedtrace::{
    RuntimeMoment, SchedtraceMoment, SchedtracePart, SchedtraceRuntime, UnstableMoment, WorkerMoment,
};
use crate::reply::stack::{Capture, StackPart, StackSummary, SystemCall, ThreadStack};
use crate::reply::stats::{
    AgentStats, RuntimeStats, StatsReply, TaskStates, ThreadActivity, ThreadsInState, WorkerStats,
};
use crate::reply::tasks::{
    CellBytes, RuntimeKind, TaskCell, TaskList, TaskRuntime, TaskThread, TaskVtable, TasksPart, TasksSummary,
};
use crate::reply::trace::{RuntimePoint, ThreadPoint, TracePart, TraceStart, TraceThread, TraceTotals};
use crate::reply::version::VersionReply;
use crate::reply::{End, Known, Module, Note, NoteKind, Progress, Stack, StackEnd, Unavailable};

/// Characters kept of a name: of a process, a thread, a runtime, an allocator, a section.
pub const NAME_CHARACTERS: usize = 256;

/// Characters kept of a version, as `1.95.0 (59807616e 2026-04-14)`.
pub const VERSION_CHARACTERS: usize = 64;

/// Characters kept of a path: `PATH_MAX` of Linux.
pub const PATH_CHARACTERS: usize = 4096;

/// Characters kept of a sentence: a reason, a fix.
pub const SENTENCE_CHARACTERS: usize = 1024;

/// Characters kept of a symbol's name. Names of generic functions have a thousand and more.
pub const SYMBOL_CHARACTERS: usize = 4096;

/// Notes kept of an answer's end. Ours have less than ten.
pub const MAX_NOTES: usize = 256;

/// Frames kept of a stack. Agents send at most 512.
pub const MAX_FRAMES: usize = 4096;

/// What `rustc -V` says: a version and, from distributions, where it was built.
const COMPILER_CHARACTERS: usize = 128;

/// A decoded value that is about to be used.
pub trait Received: Decode<()> {
    /// Cuts the texts in it, a text that stands by itself to `characters`. Returns the bytes it holds
    /// beyond its own size.
    fn bound(&mut self, characters: usize) -> u64;
}

/// Decodes the whole of `bytes` as a `T` whose texts are cut; with it the bytes of memory it takes.
///
/// # Errors
/// As [`codec::decode`].
pub fn decode<T: Received>(bytes: &[u8]) -> Result<(T, u64), DecodeError> {
    let mut value: T = codec::decode(bytes)?;
    let beyond = value.bound(SENTENCE_CHARACTERS);
    Ok((value, size_of::<T>() as u64 + beyond))
}

/// Cuts `text` to `characters`, the last of which is then `…`, and gives back the memory of the rest.
pub fn cut(text: &mut String, characters: usize) {
    // No character is shorter than a byte.
    if text.len() <= characters || text.char_indices().nth(characters).is_none() {
        return;
    }
    let kept = text.char_indices().nth(characters.saturating_sub(1)).map_or(0, |(at, _)| at);
    text.truncate(kept);
    text.push('…');
    text.shrink_to_fit();
}

/// Text made of bytes that need be no UTF-8, cut to `characters` before anything is allocated for it.
pub fn text_of(bytes: &[u8], characters: usize) -> String {
    // A character has at most four bytes; one more shows that it was longer.
    let looked_at = bytes.len().min(characters.saturating_add(1).saturating_mul(4));
    let mut text = String::from_utf8_lossy(&bytes[..looked_at]).into_owned();
    cut(&mut text, characters);
    text
}

impl Received for String {
    fn bound(&mut self, characters: usize) -> u64 {
        cut(self, characters);
        self.capacity() as u64
    }
}

impl<T: Received> Received for Vec<T> {
    fn bound(&mut self, characters: usize) -> u64 {
        let own = self.capacity().saturating_mul(size_of::<T>()) as u64;
        self.iter_mut().fold(own, |sum, value| sum.saturating_add(value.bound(characters)))
    }
}

impl<T: Received> Received for Option<T> {
    fn bound(&mut self, characters: usize) -> u64 {
        self.as_mut().map_or(0, |value| value.bound(characters))
    }
}

impl<T: Received> Received for Known<T> {
    fn bound(&mut self, characters: usize) -> u64 {
        match self {
            Known::Value(value) => value.bound(characters),
            Known::Unavailable(missing) => missing.bound(characters),
        }
    }
}

impl<const N: usize> Received for [u8; N] {
    fn bound(&mut self, _: usize) -> u64 {
        0
    }
}

impl Received for End {
    fn bound(&mut self, characters: usize) -> u64 {
        let End { notes } = self;
        if notes.len() > MAX_NOTES {
            let more = notes.len() - MAX_NOTES;
            notes.truncate(MAX_NOTES);
            notes.push(Note {
                kind: NoteKind::Truncated,
                what: "notes".to_owned(),
                count: more as u64,
                why: "there are too many to be shown".to_owned(),
            });
            notes.shrink_to_fit();
        }
        notes.bound(characters)
    }
}

impl Received for Stack {
    fn bound(&mut self, characters: usize) -> u64 {
        let Stack { frames, end } = self;
        if frames.len() > MAX_FRAMES {
            frames.truncate(MAX_FRAMES);
            frames.shrink_to_fit();
            *end = StackEnd::DepthLimit;
        }
        frames.bound(characters)
    }
}

impl Received for Capture {
    fn bound(&mut self, _: usize) -> u64 {
        match self {
            Capture::Signal { because } => because.bound(SENTENCE_CHARACTERS),
            Capture::Failed { reason } => reason.bound(SENTENCE_CHARACTERS),
            Capture::Quiet | Capture::OwnThread => 0,
        }
    }
}

impl Received for CellBytes {
    fn bound(&mut self, characters: usize) -> u64 {
        match self {
            CellBytes::Read(bytes) => bytes.bound(characters),
            CellBytes::NotRead | CellBytes::Moved | CellBytes::Unreadable => 0,
        }
    }
}

/// Types without texts and without memory of their own.
macro_rules! plain {
    ($($type:ty),* $(,)?) => {$(
        impl Received for $type {
            fn bound(&mut self, _: usize) -> u64 {
                0
            }
        }
    )*};
}

/// `Type { field, field: CHARACTERS }`: every field of a type, and how long the texts in it may be;
/// without a number, as long as a sentence.
macro_rules! fields {
    ($($type:ident { $($field:ident $(: $characters:expr)?),* $(,)? })*) => {$(
        impl Received for $type {
            fn bound(&mut self, _: usize) -> u64 {
                let $type { $($field),* } = self;
                [$($field.bound(fields!(@ $($characters)?))),*].into_iter().fold(0, u64::saturating_add)
            }
        }
    )*};
    (@) => { SENTENCE_CHARACTERS };
    (@ $characters:expr) => { $characters };
}

/// Enums whose every variant holds one value.
macro_rules! parts {
    ($($type:ident { $($variant:ident),* $(,)? })*) => {$(
        impl Received for $type {
            fn bound(&mut self, characters: usize) -> u64 {
                match self {
                    $($type::$variant(value) => value.bound(characters)),*
                }
            }
        }
    )*};
}

plain!(
    bool,
    char,
    u8,
    u16,
    u32,
    u64,
    i64,
    CommandVersion,
    Estimate,
    ExactCounters,
    HeapBucket,
    HeapCounters,
    HeapRateReply,
    HeapSnapshot,
    HeapSource,
    LiveBlock,
    NoteKind,
    Progress,
    RuntimeKind,
    RuntimePoint,
    StackEnd,
    SystemCall,
    TaskList,
    TaskStates,
    TaskVtable,
    ThreadsInState,
    TraceTotals,
    Unit,
);

parts! {
    CpuPart { Start, Modules, Samples, Totals }
    HeapPart { Start, Modules, Stacks, Snapshot, Buckets, Live, Counters, Jemalloc }
    SchedtracePart { Runtimes, Moment }
    StackPart { Modules, Threads, Summary }
    TasksPart { Modules, Runtime, Vtables, Tasks, Threads, Summary }
    TracePart { Start, Threads, Modules, Activity, Samples, Runtimes, Totals }
}

fields! {
    Challenge { nonce }
    AgentProof { mac }
    Error { code, what, why, fix }
    AgentHello {
        protocol, agent: VERSION_CHARACTERS, pid, start_time, cookie, build_id, name: NAME_CHARACTERS, commands,
    }
    Unavailable { reason, fix }
    Note { kind, what: NAME_CHARACTERS, count, why }
    Module { path: PATH_CHARACTERS, build_id, start_avma, end_avma, bias, has_unwind_data }

    CpuStart { unix_ns, period_ns, engine: NAME_CHARACTERS, fallback }
    CpuSample { time_ns, tid, weight, stack }
    CpuTotals {
        duration_ns, process_cpu_ns, agent_cpu_ns, unsampled_cpu_ns, late_cpu_ns, threads, samples, weight,
        dropped_ring, dropped_cache, truncated, lost_walks, foreign_signals, timer_failures,
    }
    CpuThread { tid, name: NAME_CHARACTERS, cpu_ns, weight, ended }

    HeapStart { unix_ns, source, allocator: NAME_CHARACTERS, mean_bytes, since_unix_ns }
    HeapStack { id, stack }

    MemoryReply { sections }
    Section { name: NAME_CHARACTERS, fields }
    Field { name: NAME_CHARACTERS, unit, value, source: NAME_CHARACTERS }

    ReadPart { ranges }

    ReleaseReply { allocators }
    Released {
        allocator: NAME_CHARACTERS, called: NAME_CHARACTERS, took_ns, rss_before_bytes, rss_after_bytes,
        before, after,
    }

    SchedtraceRuntime { name: NAME_CHARACTERS, kind, handle_words }
    SchedtraceMoment { time_ns, interval_ns, threads, runtimes, memory }
    RuntimeMoment { workers, alive_tasks, global_queue, unstable }
    WorkerMoment { parked, parks, busy_ns }
    UnstableMoment { blocking_threads, idle_blocking_threads, blocking_queue, local_queues, polls }

    ThreadStack {
        tid, name: NAME_CHARACTERS, state, cpu_ns, wchan: NAME_CHARACTERS, system_call, is_agent,
        current_task, capture, stack,
    }
    StackSummary { unix_ns, capture_ns, threads, captured, vanished, current_tasks }

    StatsReply {
        uptime_ns, user_cpu_ns, system_cpu_ns, cpus_online, cpus_allowed, cpu_quota_milli, throttled_periods,
        threads, descriptors, descriptors_limit, voluntary_switches, involuntary_switches, window_ns,
        runtimes, thread_activity, agent,
    }
    RuntimeStats { name: NAME_CHARACTERS, flavor: NAME_CHARACTERS, workers, alive_tasks, global_queue, tasks }
    WorkerStats { parked, parks, tokio_busy_ns, busy_ns }
    ThreadActivity { tid, name: NAME_CHARACTERS, state, running_ns, runnable_ns, is_agent }
    AgentStats {
        uptime_ns, address: PATH_CHARACTERS, connections, open_connections, requests, refused_users,
        refused_tokens, refused_limits, malformed, busy, cancelled, dropped, cpu_ns, sent_bytes,
    }

    TaskRuntime {
        index, name: NAME_CHARACTERS, kind, workers, handle_words, alive_tasks, list,
    }
    TaskCell { runtime, id, header_avma, vtable, state, bytes }
    TaskThread { stack, current_task_avma }
    TasksSummary { unix_ns, list_ns, capture_ns, current_tasks, anchors, memory }

    TraceStart {
        unix_ns, monotonic_ns, pid, interval_ns, period_ns, no_samples, runtimes: NAME_CHARACTERS,
    }
    TraceThread { tid, name: NAME_CHARACTERS, is_agent, first_ns }
    ThreadPoint {
        time_ns, tid, running_ns, runnable_ns, state, system_call, descriptor: NAME_CHARACTERS,
        wchan: NAME_CHARACTERS,
    }

    VersionReply {
        program: NAME_CHARACTERS, executable: NAME_CHARACTERS, build_id, rustc: COMPILER_CHARACTERS,
        target: NAME_CHARACTERS, profile: NAME_CHARACTERS, opt_level: NAME_CHARACTERS, debug_assertions,
        panic: NAME_CHARACTERS, comment: NAME_CHARACTERS, sections: NAME_CHARACTERS,
        symbols: SYMBOL_CHARACTERS, auditable, tokio: VERSION_CHARACTERS, allocator: NAME_CHARACTERS,
        agent: VERSION_CHARACTERS, protocol, features: NAME_CHARACTERS,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters_and_short_ones_stay() {
        let mut text = "漢".repeat(1000);
        cut(&mut text, 256);
        assert_eq!((text.chars().count(), text.chars().last()), (256, Some('…')));
        assert!(text.capacity() < 1000, "{}", text.capacity());
        for short in ["", "a", "漢字", &"x".repeat(256), &"漢".repeat(256)] {
            let mut kept = short.to_owned();
            cut(&mut kept, 256);
            assert_eq!(kept, short);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_cut_before_they_become_one() {
        let text = text_of(&[0xff; 1 << 20], 64);
        assert_eq!(text.chars().count(), 64);
        assert!(text.capacity() < 4096, "{}", text.capacity());
        assert_eq!(text_of(b"1.95.0", 64), "1.95.0");
        assert_eq!(text_of("漢".repeat(64).as_bytes(), 64), "漢".repeat(64));
    }

    #[test]
    fn what_a_value_holds_is_counted() {
        let sample = CpuSample {
            time_ns: 1,
            tid: 2,
            weight: 3,
            stack: Stack { frames: vec![7; 1000], end: StackEnd::Root },
        };
        let part = CpuPart::Samples(vec![sample; 100]);
        let bytes = codec::encode(&part).unwrap();
        let (decoded, memory) = decode::<CpuPart>(&bytes).unwrap();
        assert_eq!(decoded, part);
        assert!((800_000..1_000_000).contains(&memory), "{memory} for {} on the wire", bytes.len());
    }

    #[test]
    fn a_stack_is_cut_at_its_root() {
        let stack = Stack { frames: (0..100_000).collect(), end: StackEnd::Root };
        let (stack, memory) = decode::<Stack>(&codec::encode(&stack).unwrap()).unwrap();
        assert_eq!((stack.frames.len(), stack.frames[7], stack.end), (MAX_FRAMES, 7, StackEnd::DepthLimit));
        assert!(memory < 40_000, "{memory}");
    }

    #[test]
    fn an_end_of_many_notes_is_cut_and_says_so() {
        let note = Note { kind: NoteKind::Missing, what: String::new(), count: 1, why: String::new() };
        let bytes = codec::encode(&End { notes: vec![note; 100_000] }).unwrap();
        let (end, memory) = decode::<End>(&bytes).unwrap();
        assert_eq!(end.notes.len(), MAX_NOTES + 1);
        assert_eq!(end.notes.last().unwrap().count, 100_000 - MAX_NOTES as u64);
        assert!(memory < 100_000, "{memory}");
    }
}
