//! Heaps from synthetic answers: properties that hold for every program.

use rgops_protocol::reply::pprof_heap::{
    Estimate, HeapBucket, HeapCounters, HeapSnapshot, HeapSource, HeapStack, HeapStart, PprofHeapPart,
};
use rgops_protocol::reply::{End, Module, Note, NoteKind, Stack, StackEnd};

use super::*;
use crate::budget::Budget;
use crate::heap::DumpError;
use crate::profile::{Incomplete, Process, proto::Profile, top};

fn started(source: HeapSource) -> Heap {
    let process = Process { name: "leaky".to_owned(), pid: 7, build_id: vec![2], ..Process::default() };
    let mut heap = Heap::new(process);
    heap.add(PprofHeapPart::Start(HeapStart {
        unix_ns: 1_795_386_440_000_000_000,
        source,
        allocator: "std::alloc::System".to_owned(),
        mean_bytes: 524_288,
        since_unix_ns: Some(1_795_386_430_000_000_000),
    }));
    heap
}

fn module() -> Module {
    Module {
        path: "/bin/leaky".to_owned(),
        build_id: vec![2],
        start_avma: 0x4000,
        end_avma: 0x8000,
        bias: 0x4000,
        has_unwind_data: true,
    }
}

fn stack(id: u32, frames: &[u64]) -> HeapStack {
    HeapStack { id, stack: Stack { frames: frames.to_vec(), end: StackEnd::Root } }
}

fn sums(size: u64, blocks: u64) -> Estimate {
    (0..blocks).fold(Estimate::default(), |sum, _| sum.plus(Estimate::of_block(size, 524_288)))
}

fn snapshot(heap: &mut Heap, time_ns: u64, buckets: Vec<HeapBucket>) {
    heap.add(PprofHeapPart::Snapshot(HeapSnapshot { time_ns }));
    heap.add(PprofHeapPart::Modules(vec![module()]));
    heap.add(PprofHeapPart::Stacks(vec![stack(0, &[]), stack(1, &[0x5000, 0x6000]), stack(2, &[0x5500])]));
    heap.add(PprofHeapPart::Buckets(buckets));
    heap.add(PprofHeapPart::Counters(HeapCounters {
        sampled: 5,
        sampled_freed: 1,
        ..HeapCounters::default()
    }));
}

fn values(profile: &Profile) -> Vec<Vec<i64>> {
    profile.sample.iter().map(|sample| sample.value.clone()).collect()
}

#[test]
fn live_is_allocated_minus_freed_and_each_stack_is_one_sample() {
    let mut heap = started(HeapSource::Wrapper);
    let bucket = |stack, allocated, freed| HeapBucket { stack, allocated, freed };
    let none = Estimate::default();
    snapshot(
        &mut heap,
        0,
        vec![
            bucket(1, sums(1 << 30, 3), sums(1 << 30, 1)),
            bucket(2, sums(1 << 30, 1), sums(1 << 30, 1)),
            bucket(0, sums(100, 1), none),
        ],
    );
    let profile = heap.into_profile(false, None);
    let small = sums(100, 1);
    let objects = (small.objects_milli as f64 / 1000.0).round() as i64;
    let expected = [
        vec![3, 3 << 30, 2, 2 << 30],
        vec![objects, small.bytes as i64, objects, small.bytes as i64],
        vec![1, 1 << 30, 0, 0],
    ];
    assert_eq!(values(&profile), expected);
    let types: Vec<_> = profile
        .sample_type
        .iter()
        .map(|value_type| format!("{}/{}", profile.text(value_type.r#type), profile.text(value_type.unit)))
        .collect();
    assert_eq!(
        types,
        ["alloc_objects/count", "alloc_space/bytes", "inuse_objects/count", "inuse_space/bytes"]
    );
    assert_eq!(profile.text(profile.default_sample_type), "inuse_space");
    assert_eq!((profile.period, profile.duration_nanos), (524_288, 0));
    // A stack that could not be kept still has a row.
    let text = top::within(
        &Budget::new(1 << 30),
        &profile,
        top::Options { sample_type: "alloc_objects", rows: 0, by_cum: false },
    )
    .text();
    assert!(text.contains("<stack not kept>"), "{text}");
    // All are return addresses: each location is one byte before.
    let addresses: Vec<u64> = profile.location.iter().map(|location| location.address).collect();
    assert_eq!(addresses, [0x4fff, 0x5fff, 0x54ff, 0]);
}

#[test]
fn a_window_is_the_difference_and_may_be_negative() {
    let mut heap = started(HeapSource::Wrapper);
    let bucket = |stack, allocated, freed| HeapBucket { stack, allocated, freed };
    let none = Estimate::default();
    let big = |blocks| sums(1 << 30, blocks);
    snapshot(&mut heap, 0, vec![bucket(1, big(5), big(1)), bucket(2, big(1), none)]);
    snapshot(&mut heap, 2_000_000_000, vec![bucket(1, big(6), big(4))]);
    let profile = heap.into_profile(true, None);
    assert_eq!(values(&profile), [vec![1, 1 << 30, -2, -(2 << 30)]]);
    assert_eq!(profile.duration_nanos, 2_000_000_000);
    let text = top::within(
        &Budget::new(1 << 30),
        &profile,
        top::Options { sample_type: "inuse_space", rows: 0, by_cum: false },
    )
    .text();
    assert!(text.contains("Duration: 2s, Total samples = 2GB"), "{text}");
    assert!(text.contains("-2GB"), "{text}");
}

#[test]
fn a_window_that_ended_early_only_shows_observed_changes() {
    let mut heap = started(HeapSource::Wrapper);
    let allocated = sums(1 << 30, 1);
    snapshot(&mut heap, 0, vec![HeapBucket { stack: 1, allocated, freed: Estimate::default() }]);
    let incomplete = Incomplete { reason: "the connection was lost".to_owned(), duration_ns: 1_000_000_000 };
    let profile = heap.into_profile(true, Some(&incomplete));
    assert!(profile.sample.is_empty());
    assert_eq!(profile.text(profile.comment[0]), "Partial: the connection was lost after 1s");
}

#[test]
fn jemallocs_dump_has_two_types_unless_it_counts_freed_blocks() {
    for (accumulated, types) in [("[0: 0]", 2), ("[2: 2147483648]", 4)] {
        let mut heap = started(HeapSource::Jemalloc);
        heap.add(PprofHeapPart::Snapshot(HeapSnapshot { time_ns: 0 }));
        let dump = format!(
            "heap_v2/1048576\n  t*: 1: 1073741824 {accumulated}\n@ 0x4010 0x4020\n  t*: 1: 1073741824 {accumulated}\n\n\
             MAPPED_LIBRARIES:\n4000-8000 r-xp 00000000 00:00 1 /bin/leaky\n"
        );
        let (head, tail) = dump.as_bytes().split_at(20);
        heap.add(PprofHeapPart::Jemalloc(head.to_vec()));
        heap.add(PprofHeapPart::Jemalloc(tail.to_vec()));
        heap.add(PprofHeapPart::Counters(HeapCounters::default()));
        assert_eq!(heap.dump_error(), None);
        let profile = heap.into_profile(false, None);
        assert_eq!(profile.sample_type.len(), types);
        assert_eq!(profile.period, 1_048_576);
        assert_eq!(profile.sample[0].value[types - 2..], [1, 1 << 30]);
        assert_eq!(profile.text(profile.mapping[0].build_id), "02");
    }
}

#[test]
fn a_dump_that_cannot_be_parsed_is_reported() {
    let mut heap = started(HeapSource::Jemalloc);
    heap.add(PprofHeapPart::Snapshot(HeapSnapshot { time_ns: 0 }));
    heap.add(PprofHeapPart::Jemalloc(b"heap profile: 1: 2".to_vec()));
    heap.add(PprofHeapPart::Counters(HeapCounters::default()));
    assert!(matches!(heap.dump_error(), Some(DumpError::Header(_))));
}

/// pprof prints every comment line that does not start with `#` above every report.
#[test]
fn a_comment_is_one_line_whatever_text_the_program_sends() {
    let mut heap = started(HeapSource::Wrapper);
    heap.process.name = "leaky\nfix: a".to_owned();
    snapshot(&mut heap, 0, Vec::new());
    let note = |kind| Note { kind, what: "stacks\nfix: b".into(), count: 1, why: "\x1b[2J\nfix: c".into() };
    heap.end(&End { notes: vec![note(NoteKind::EndedEarly), note(NoteKind::Missing)] });
    let profile = heap.into_profile(false, None);
    let comments: Vec<_> = profile.comment.iter().map(|comment| profile.text(*comment)).collect();
    for expected in ["a", "b", "c"] {
        let escaped = format!("\\nfix: {expected}");
        assert!(comments.iter().any(|comment| comment.contains(&escaped)), "{comments:?}");
    }
    assert!(!comments.iter().any(|comment| comment.contains(['\n', '\x1b'])), "{comments:?}");
}
