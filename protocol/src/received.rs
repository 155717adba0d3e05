//! What a client does with everything it decodes, before it looks at it: texts are cut to what a reader
//! can use, and what the value holds is counted.
//!
//! An agent may be any program that has the socket. Its packets are bounded in bytes ([`crate::wire`]),
//! but a packet's one text may be a million characters long, and a packet of a megabyte may decode to many
//! times as much. So every reply says, field by field, how long its texts may be, and which of them are
//! sentences; the impls below take each type apart by name, so that a new field does not compile until it
//! is listed here.
//!
//! Sentences of another user's program, or of one on the network, are not shown as ours: what root reads as
//! `fix: …` must be written by us. They are marked here, `the program says: "…"`, so whoever shows them
//! cannot forget it.

use crate::auth::{AgentProof, Challenge};
use crate::codec::{self, Decode, DecodeError};
use crate::error::Error;
use crate::hello::{AgentHello, CommandVersion};
use crate::reply::gc::{GcReply, Released};
use crate::reply::heap_rate::HeapRateReply;
use crate::reply::memstats::{Field, MemstatsReply, Section, Unit};
use crate::reply::pprof_cpu::{CpuSample, CpuStart, CpuThread, CpuTotals, PprofCpuPart};
use crate::reply::pprof_heap::{
    Estimate, ExactCounters, HeapBucket, HeapCounters, HeapSnapshot, HeapSource, HeapStack, HeapStart,
    LiveBlock, PprofHeapPart,
};
use crate::reply::read::ReadPart;
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

/// What stands before the words of a program that is not the asker's own; they end with a quotation mark.
const SAYS: &str = "the program says: \"";

/// Whose sentences a reply has: reasons, refusals and fixes, which are read as advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// A program of the user who asks: its sentences are as good as ours.
    Own,
    /// Another user's program, or one that is asked over TCP: its sentences are marked as its own words.
    Another,
}

/// A decoded value that is about to be used.
pub trait Received: Decode<()> {
    /// Cuts the texts in it, and marks sentences with their `speaker`. Returns the bytes it holds beyond
    /// its own size.
    fn receive(&mut self, speaker: Speaker) -> u64;
}

/// A text, or a container of texts. A text does not say what it is, so it is received only together with
/// that: the number of characters kept of a name, [`Sentence`] or [`Reason`].
trait Text<As> {
    /// As [`Received::receive`].
    fn receive_as(&mut self, what: As, speaker: Speaker) -> u64;
}

/// A text that is read as advice: cut to [`SENTENCE_CHARACTERS`], and marked as the program's words. An empty one
/// says nothing and stays empty.
#[derive(Debug, Clone, Copy)]
struct Sentence;

/// The same of a text whose mark tells whose what stands beside it is: an empty one is marked as well.
#[derive(Debug, Clone, Copy)]
struct Reason;

/// Decodes the whole of `bytes`, which `speaker` sent, as a `T` whose texts are cut and whose sentences are
/// marked; with it the bytes of memory it takes.
///
/// # Errors
/// As [`codec::decode`].
pub fn decode<T: Received>(bytes: &[u8], speaker: Speaker) -> Result<(T, u64), DecodeError> {
    let mut value: T = codec::decode(bytes)?;
    let beyond = value.receive(speaker);
    Ok((value, size_of::<T>() as u64 + beyond))
}

/// `the program says: "…"`. Nothing in `text` ends the quotation or begins a line.
pub fn program_says(text: &str) -> String {
    let mut said = String::with_capacity(SAYS.len() + text.len() + 1);
    said.push_str(SAYS);
    for (number, line) in text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        said.push_str(if number == 0 { "" } else { "; " });
        let mut was_blank = false;
        for character in line.chars() {
            let is_blank = is_blank(character);
            match character {
                _ if is_blank && was_blank => {}
                _ if is_blank => said.push(' '),
                _ if is_quotation_mark(character) => said.push('\''),
                _ => said.push(character),
            }
            was_blank = is_blank;
        }
    }
    said.push('"');
    said
}

/// The words themselves, of a text that [`program_says`] made.
pub fn program_said(text: &str) -> Option<&str> {
    text.strip_prefix(SAYS)?.strip_suffix('"')
}

/// Shown as nothing but room: much of it would bring what follows to the beginning of a terminal's row.
fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

/// The marks that look like the one at the end.
fn is_quotation_mark(character: char) -> bool {
    matches!(character, '"' | '\u{2ba}' | '\u{2dd}' | '\u{2ee}' | '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{2036}'
        | '\u{275d}' | '\u{275e}' | '\u{301d}'..='\u{301f}' | '\u{ff02}')
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

impl Text<usize> for String {
    fn receive_as(&mut self, characters: usize, _: Speaker) -> u64 {
        cut(self, characters);
        self.capacity() as u64
    }
}

impl Text<Sentence> for String {
    fn receive_as(&mut self, _: Sentence, speaker: Speaker) -> u64 {
        if self.is_empty() { self.capacity() as u64 } else { self.receive_as(Reason, speaker) }
    }
}

impl Text<Reason> for String {
    fn receive_as(&mut self, _: Reason, speaker: Speaker) -> u64 {
        cut(self, SENTENCE_CHARACTERS);
        if speaker == Speaker::Another {
            *self = program_says(self);
        }
        self.capacity() as u64
    }
}

impl<As: Copy, T: Text<As>> Text<As> for Vec<T> {
    fn receive_as(&mut self, what: As, speaker: Speaker) -> u64 {
        let own = self.capacity().saturating_mul(size_of::<T>()) as u64;
        self.iter_mut().fold(own, |sum, value| sum.saturating_add(value.receive_as(what, speaker)))
    }
}

impl<As: Copy, T: Text<As>> Text<As> for Known<T> {
    fn receive_as(&mut self, what: As, speaker: Speaker) -> u64 {
        match self {
            Known::Value(value) => value.receive_as(what, speaker),
            Known::Unavailable(missing) => missing.receive(speaker),
        }
    }
}

impl<T: Received> Received for Vec<T> {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        let own = self.capacity().saturating_mul(size_of::<T>()) as u64;
        self.iter_mut().fold(own, |sum, value| sum.saturating_add(value.receive(speaker)))
    }
}

impl<T: Received> Received for Option<T> {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        self.as_mut().map_or(0, |value| value.receive(speaker))
    }
}

impl<T: Received> Received for Known<T> {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        match self {
            Known::Value(value) => value.receive(speaker),
            Known::Unavailable(missing) => missing.receive(speaker),
        }
    }
}

impl<const N: usize> Received for [u8; N] {
    fn receive(&mut self, _: Speaker) -> u64 {
        0
    }
}

impl Received for Error {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        let Error { code: _, what, why, fix } = self;
        for text in [&mut *what, &mut *why, &mut *fix] {
            cut(text, SENTENCE_CHARACTERS);
        }
        if speaker == Speaker::Another {
            let fix_mark = if fix.is_empty() { "" } else { "; fix: " };
            *why = program_says(&format!("{what}: {why}{fix_mark}{fix}"));
            "the agent did not answer".clone_into(what);
            *fix = String::new();
        }
        [what, why, fix].into_iter().map(|text| text.capacity() as u64).sum()
    }
}

impl Received for Note {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        let Note { kind: _, what, count: _, why } = self;
        cut(what, NAME_CHARACTERS);
        if speaker == Speaker::Another && !is_plain(what) {
            cut(why, SENTENCE_CHARACTERS);
            *why = program_says(&format!("{what}: {why}"));
            "things".clone_into(what);
        } else {
            why.receive_as(Reason, speaker);
        }
        (what.capacity() + why.capacity()) as u64
    }
}

/// Whether a name of things, as `samples`, needs no quotation marks.
fn is_plain(what: &str) -> bool {
    what.chars()
        .all(|character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_' | '/' | '\''))
}

impl Received for End {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        let End { notes } = self;
        let more = notes.len().saturating_sub(MAX_NOTES);
        notes.truncate(MAX_NOTES);
        notes.receive(speaker);
        if more > 0 {
            notes.push(Note {
                kind: NoteKind::Truncated,
                what: "notes".to_owned(),
                count: more as u64,
                why: "there are too many to be shown".to_owned(),
            });
            notes.shrink_to_fit();
        }
        // What is ours has not been said by the program; it is counted all the same.
        let texts = notes.iter().map(|note| (note.what.capacity() + note.why.capacity()) as u64);
        texts.fold(notes.capacity().saturating_mul(size_of::<Note>()) as u64, u64::saturating_add)
    }
}

impl Received for Stack {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        let Stack { frames, end } = self;
        if frames.len() > MAX_FRAMES {
            frames.truncate(MAX_FRAMES);
            frames.shrink_to_fit();
            *end = StackEnd::DepthLimit;
        }
        frames.receive(speaker)
    }
}

impl Received for Capture {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        match self {
            Capture::Signal { because } => because.receive_as(Sentence, speaker),
            Capture::Failed { reason } => reason.receive_as(Reason, speaker),
            Capture::Quiet | Capture::OwnThread => 0,
        }
    }
}

impl Received for CellBytes {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        match self {
            CellBytes::Read(bytes) => bytes.receive(speaker),
            CellBytes::NotRead | CellBytes::Moved | CellBytes::Unreadable => 0,
        }
    }
}

/// Types without texts and without memory of their own.
macro_rules! plain {
    ($($type:ty),* $(,)?) => {$(
        impl Received for $type {
            fn receive(&mut self, _: Speaker) -> u64 {
                0
            }
        }
    )*};
}

/// `Type { field, field: CHARACTERS, field: Sentence, field: Reason }`: every field of a type. One that is a text, or has
/// texts of its own, does not compile without what it is.
macro_rules! fields {
    ($($type:ident { $($field:ident $(: $what:expr)?),* $(,)? })*) => {$(
        impl Received for $type {
            fn receive(&mut self, speaker: Speaker) -> u64 {
                let $type { $($field),* } = self;
                [$(fields!(@ $field, speaker $(, $what)?)),*].into_iter().fold(0, u64::saturating_add)
            }
        }
    )*};
    (@ $field:ident, $speaker:ident) => { $field.receive($speaker) };
    (@ $field:ident, $speaker:ident, $what:expr) => { $field.receive_as($what, $speaker) };
}

/// Enums whose every variant holds one value.
macro_rules! parts {
    ($($type:ident { $($variant:ident),* $(,)? })*) => {$(
        impl Received for $type {
            fn receive(&mut self, speaker: Speaker) -> u64 {
                match self {
                    $($type::$variant(value) => value.receive(speaker)),*
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
    PprofCpuPart { Start, Modules, Samples, Totals }
    PprofHeapPart { Start, Modules, Stacks, Snapshot, Buckets, Live, Counters, Jemalloc }
    SchedtracePart { Runtimes, Moment }
    StackPart { Modules, Threads, Summary }
    TasksPart { Modules, Runtime, Vtables, Tasks, Threads, Summary }
    TracePart { Start, Threads, Modules, Activity, Samples, Runtimes, Totals }
}

fields! {
    Challenge { nonce }
    AgentProof { mac }
    AgentHello {
        protocol, agent: VERSION_CHARACTERS, pid, start_time, cookie, build_id, name: NAME_CHARACTERS, commands,
    }
    Unavailable { reason: Reason, fix: Sentence }
    Module { path: PATH_CHARACTERS, build_id, start_avma, end_avma, bias, has_unwind_data }

    CpuStart { unix_ns, period_ns, engine: NAME_CHARACTERS, fallback: Sentence }
    CpuSample { time_ns, tid, weight, stack }
    CpuTotals {
        duration_ns, process_cpu_ns, agent_cpu_ns, unsampled_cpu_ns, late_cpu_ns, threads, samples, weight,
        dropped_ring, dropped_cache, truncated, lost_walks, foreign_signals, timer_failures,
    }
    CpuThread { tid, name: NAME_CHARACTERS, cpu_ns, weight, ended }

    HeapStart { unix_ns, source, allocator: NAME_CHARACTERS, mean_bytes, since_unix_ns }
    HeapStack { id, stack }

    MemstatsReply { sections }
    Section { name: NAME_CHARACTERS, fields }
    Field { name: NAME_CHARACTERS, unit, value, source: NAME_CHARACTERS }

    ReadPart { ranges }

    GcReply { allocators }
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
        unix_ns, monotonic_ns, pid, interval_ns, period_ns, no_samples: Sentence, runtimes: NAME_CHARACTERS,
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
    use crate::error::Code;

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
        let part = PprofCpuPart::Samples(vec![sample; 100]);
        let bytes = codec::encode(&part).unwrap();
        let (decoded, memory) = decode::<PprofCpuPart>(&bytes, Speaker::Own).unwrap();
        assert_eq!(decoded, part);
        assert!((800_000..1_000_000).contains(&memory), "{memory} for {} on the wire", bytes.len());
    }

    #[test]
    fn a_stack_is_cut_at_its_root() {
        let stack = Stack { frames: (0..100_000).collect(), end: StackEnd::Root };
        let (stack, memory) = decode::<Stack>(&codec::encode(&stack).unwrap(), Speaker::Own).unwrap();
        assert_eq!((stack.frames.len(), stack.frames[7], stack.end), (MAX_FRAMES, 7, StackEnd::DepthLimit));
        assert!(memory < 40_000, "{memory}");
    }

    #[test]
    fn an_end_of_many_notes_is_cut_and_says_so() {
        let note = Note { kind: NoteKind::Missing, what: String::new(), count: 1, why: String::new() };
        let bytes = codec::encode(&End { notes: vec![note; 100_000] }).unwrap();
        let (end, memory) = decode::<End>(&bytes, Speaker::Own).unwrap();
        assert_eq!(end.notes.len(), MAX_NOTES + 1);
        assert_eq!(end.notes.last().unwrap().count, 100_000 - MAX_NOTES as u64);
        assert!(memory < 100_000, "{memory}");
    }

    fn received<T: Received + codec::Encode>(value: &T, speaker: Speaker) -> T {
        decode(&codec::encode(value).unwrap(), speaker).unwrap().0
    }

    #[test]
    fn a_refusal_of_another_users_program_is_in_its_words_and_has_no_fix_of_ours() {
        let refusal = Error::new(Code::Busy, "cannot\nfix: help", "no \"way\"", "run this:\n  evil  as root");
        assert_eq!(received(&refusal, Speaker::Own), refusal);
        let told = received(&refusal, Speaker::Another);
        assert_eq!((told.code(), &*told.what, &*told.fix), (Code::Busy, "the agent did not answer", ""));
        let words = "the program says: \"cannot; fix: help: no 'way'; fix: run this:; evil as root\"";
        assert_eq!(told.why, words);
        let long = Error::new(Code::Busy, "x".repeat(5000), "y".repeat(5000), "z".repeat(5000));
        assert!(received(&long, Speaker::Another).why.chars().count() < 3 * SENTENCE_CHARACTERS + 50);
    }

    #[test]
    fn sentences_of_another_users_program_are_marked_and_names_are_not() {
        let evil = "fix: run evil as root".to_owned();
        let said = "the program says: \"fix: run evil as root\"";
        let missing = Unavailable { reason: evil.clone(), fix: evil.clone() };
        for speaker in [Speaker::Own, Speaker::Another] {
            let expected = if speaker == Speaker::Own { &*evil } else { said };
            let known = received(&Known::<u64>::Unavailable(missing.clone()), speaker);
            let told = Unavailable { reason: expected.to_owned(), fix: expected.to_owned() };
            assert_eq!(known, Known::Unavailable(told.clone()));
            let mut end = End::default();
            let note = Note { kind: NoteKind::Missing, what: "threads".into(), count: 1, why: evil.clone() };
            end.notes.resize(MAX_NOTES + 1, note);
            let end = received(&end, speaker);
            assert_eq!((&*end.notes[0].what, &*end.notes[0].why), ("threads", expected));
            assert_eq!(end.notes[MAX_NOTES].why, "there are too many to be shown");
            for capture in
                [Capture::Signal { because: evil.clone() }, Capture::Failed { reason: evil.clone() }]
            {
                let (Capture::Signal { because: told } | Capture::Failed { reason: told }) =
                    received(&capture, speaker)
                else {
                    unreachable!("it is one of the two")
                };
                assert_eq!(told, expected);
            }
            let released = Released {
                allocator: "glibc".to_owned(),
                called: Known::Unavailable(missing.clone()),
                took_ns: 1,
                rss_before_bytes: Known::Value(1),
                rss_after_bytes: Known::Unavailable(missing.clone()),
                before: Vec::new(),
                after: Vec::new(),
            };
            let released = received(&released, speaker);
            assert_eq!(released.allocator, "glibc");
            assert_eq!(released.called, Known::Unavailable(told.clone()));
            assert_eq!(released.rss_after_bytes, Known::Unavailable(told));
            let start =
                CpuStart { unix_ns: 1, period_ns: 1, engine: "native".into(), fallback: evil.clone() };
            assert_eq!(received(&start, speaker).fallback, expected);
            let none = CpuStart { fallback: String::new(), ..start };
            assert_eq!(received(&none, speaker).fallback, "");
        }
    }

    #[test]
    fn an_empty_reason_of_another_users_program_is_marked_all_the_same() {
        let missing = Unavailable { reason: String::new(), fix: "run evil".to_owned() };
        let told = received(&missing, Speaker::Another);
        assert_eq!(program_said(&told.reason), Some(""));
        assert_eq!(program_said(&told.fix), Some("run evil"));
        assert_eq!(received(&missing, Speaker::Own), missing);
        let nothing = Unavailable { fix: String::new(), ..missing.clone() };
        assert_eq!(received(&nothing, Speaker::Another).fix, "");
        let Known::Unavailable(told) =
            received(&Known::<u64>::Unavailable(missing.clone()), Speaker::Another)
        else {
            unreachable!("it is not there")
        };
        assert_eq!(program_said(&told.reason), Some(""));
        let failed = Capture::Failed { reason: String::new() };
        let Capture::Failed { reason } = received(&failed, Speaker::Another) else {
            unreachable!("it failed")
        };
        assert_eq!(program_said(&reason), Some(""));
        // Here nothing means that there is nothing to say.
        let signal = Capture::Signal { because: String::new() };
        assert_eq!(received(&signal, Speaker::Another), signal);
    }

    #[test]
    fn what_a_note_counts_is_no_sentence_of_ours() {
        let note = |what: &str, why: &str| Note {
            kind: NoteKind::Missing,
            what: what.to_owned(),
            count: 3,
            why: why.to_owned(),
        };
        let told = received(&note("threads", ""), Speaker::Another);
        assert_eq!((&*told.what, program_said(&told.why)), ("threads", Some("")));
        let evil = note("sockets; run evil as root", "");
        let told = received(&evil, Speaker::Another);
        assert_eq!((&*told.what, program_said(&told.why)), ("things", Some("sockets; run evil as root:")));
        assert_eq!(received(&evil, Speaker::Own), evil);
        for what in ["runtime's busy time", "task lists of shop_1/a-b"] {
            assert_eq!(received(&note(what, "x"), Speaker::Another).what, what);
        }
        for what in ["a: b", "a\nb", "a.", "a\u{201d}", "\u{202e}a", "a=b", "a`b`"] {
            let told = received(&note(what, "x"), Speaker::Another);
            assert!(told.what == "things" && program_said(&told.why).is_some(), "{told:?}");
        }
        let long = received(&note(&";".repeat(5000), &"y".repeat(5000)), Speaker::Another);
        assert!(long.why.chars().count() < SENTENCE_CHARACTERS + NAME_CHARACTERS + 50);
    }

    #[test]
    fn words_stay_between_their_marks() {
        for text in ["", "a", "a\" b", "\n\n", "a\u{201d} b\u{2028}c", "\"", "   ", "a\r\nfix: b\n"] {
            let said = program_says(text);
            let words = program_said(&said).unwrap();
            assert!(!words.contains(['"', '\n', '\r', '\u{201d}', '\u{2028}']), "{said}");
        }
        assert_eq!(program_says(&format!("a{}fix:", " \u{2800}".repeat(40))), "the program says: \"a fix:\"");
        assert_eq!(program_said("the program is stopped"), None);
    }
}
