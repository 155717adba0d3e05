//! Synthetic programs that leak, cache and churn, sampled like the agent samples.

use std::time::Instant;

use rgops_protocol::reply::pprof_heap::{
    HeapCounters, HeapSnapshot, HeapSource, HeapStack, HeapStart, LiveBlock, PprofHeapPart,
};
use rgops_protocol::reply::{Stack, StackEnd};
use rgops_protocol::request::PprofHeapRequest;

use super::chance::at_least_heads;
use super::compare::Line;
use super::work::Work;
use super::*;
use crate::budget::{Budget, Exhausted};
use crate::client::ClientError;
use crate::heap::{Heap, Refused};
use crate::profile::Process;

const MEAN: u64 = 524_288;
const SECOND: i64 = 1_000_000_000;

/// A sampled block: its line, and its lifetime in nanoseconds since the start of the window.
#[derive(Clone, Copy)]
struct Block {
    stack: u32,
    birth_ns: i64,
    death_ns: i64,
}

/// xorshift64: tests must be reproducible.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as i64
    }
}

const LEAK: u32 = 1;
const CACHE: u32 = 2;
const CHURN: u32 = 3;
const FILLED: u32 = 4;

/// One minute of a program: `leaked` samples, a full cache of 200 samples with replaced entries, 2000 short-lived
/// blocks, and a table that fills up in the first third.
fn program(random: &mut Random, leaked: i64) -> Vec<Block> {
    let mut blocks = Vec::new();
    for _ in 0..leaked * 2 {
        let birth_ns = random.below(120 * SECOND) - 60 * SECOND;
        blocks.push(Block { stack: LEAK, birth_ns, death_ns: i64::MAX });
    }
    for _ in 0..200 {
        // An entry of the cache: one block after another.
        let mut birth_ns = -(random.below(60 * SECOND));
        while birth_ns < 60 * SECOND {
            let death_ns = birth_ns + 1 + random.below(60 * SECOND);
            blocks.push(Block { stack: CACHE, birth_ns, death_ns });
            birth_ns = death_ns;
        }
    }
    for _ in 0..2000 {
        let birth_ns = random.below(62 * SECOND) - 2 * SECOND;
        blocks.push(Block { stack: CHURN, birth_ns, death_ns: birth_ns + random.below(SECOND) });
    }
    for _ in 0..100 {
        blocks.push(Block { stack: FILLED, birth_ns: random.below(20 * SECOND), death_ns: i64::MAX });
    }
    blocks
}

fn observed(blocks: &[Block], snapshots: i64) -> Heap {
    let mut heap = Heap::new(Process::default());
    heap.add(PprofHeapPart::Start(HeapStart {
        unix_ns: 1,
        source: HeapSource::Wrapper,
        allocator: "std::alloc::System".to_owned(),
        mean_bytes: MEAN,
        since_unix_ns: None,
    }));
    let stack = |id| HeapStack { id, stack: Stack { frames: vec![u64::from(id)], end: StackEnd::Root } };
    heap.add(PprofHeapPart::Stacks((1..=4).map(stack).collect()));
    for number in 0..=snapshots {
        let now = number * 60 * SECOND / snapshots;
        heap.add(PprofHeapPart::Snapshot(HeapSnapshot { time_ns: now as u64 }));
        let live = blocks.iter().filter(|block| block.birth_ns <= now && now < block.death_ns);
        let live = live.map(|block| LiveBlock {
            stack: block.stack,
            size_bytes: 1000,
            mean_bytes: MEAN,
            age_ns: (now - block.birth_ns) as u64,
        });
        heap.add(PprofHeapPart::Live(live.collect()));
        heap.add(PprofHeapPart::Counters(HeapCounters::default()));
    }
    heap
}

#[test]
fn only_the_leak_is_reported_in_a_hundred_programs() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut false_names = 0;
    for _ in 0..100 {
        let heap = observed(&program(&mut random, 60), 12);
        let found = growth(&heap).expect("there are snapshots");
        assert_eq!(found.grown.first().map(|grown| grown.stack), Some(LEAK), "{found:?}");
        let leak = &found.grown[0];
        // About 60 samples per window: within four standard deviations.
        assert!((29..=91).contains(&leak.gained.samples), "{leak:?}");
        assert!(leak.least_bytes() > 0.0 && leak.confidence > 0.99);
        assert_eq!(leak.lost.samples, 0);
        assert!(leak.growing_intervals >= 8, "{leak:?}");
        false_names += found.grown.len() - 1;
    }
    // The promised level is 5 % of windows.
    assert!(false_names <= 10, "{false_names} wrong names in 100 windows");
}

#[test]
fn without_a_leak_no_line_is_reported() {
    let mut random = Random(42);
    let mut false_names = 0;
    for _ in 0..100 {
        let heap = observed(&program(&mut random, 0), 12);
        false_names += growth(&heap).expect("there are snapshots").grown.len();
    }
    assert!(false_names <= 10, "{false_names} wrong names in 100 windows");
}

#[test]
fn young_blocks_are_not_compared_and_few_samples_are_not_enough() {
    let mut blocks = vec![Block { stack: CHURN, birth_ns: 59 * SECOND, death_ns: i64::MAX }; 50];
    blocks.extend([Block { stack: LEAK, birth_ns: 30 * SECOND, death_ns: i64::MAX }; 3]);
    let found = growth(&observed(&blocks, 6)).expect("there are snapshots");
    assert!(found.grown.is_empty(), "{found:?}");
    assert_eq!((found.young.samples, found.live.samples), (50, 53));
    assert_eq!(found.unsure.iter().map(|grown| grown.stack).collect::<Vec<_>>(), [LEAK]);
    assert!((found.unsure[0].confidence - 0.875).abs() < 1e-9);
}

/// A heap of `stacks` stacks with one block each, in `snapshots` snapshots within a minute.
fn with_snapshots(budget: &Budget, stacks: u32, snapshots: u64) -> Heap {
    let request = PprofHeapRequest { duration_ms: 60_000, interval_ms: 5_000, live: true };
    let mut heap = Heap::new(Process { budget: budget.clone(), ..Process::default() }).asked(&request);
    for number in 0..snapshots {
        let time_ns = number * 60 * SECOND as u64 / (snapshots - 1).max(1);
        heap.add(PprofHeapPart::Snapshot(HeapSnapshot { time_ns }));
        // The blocks are allocated in the middle of the window.
        let age_ns = time_ns.saturating_sub(30 * SECOND as u64);
        let block = |stack| LiveBlock { stack, size_bytes: 1000, mean_bytes: MEAN, age_ns };
        let is_born = time_ns >= 30 * SECOND as u64;
        heap.add(PprofHeapPart::Live((0..stacks).filter(|_| is_born).map(block).collect()));
        heap.add(PprofHeapPart::Counters(HeapCounters::default()));
    }
    heap
}

#[test]
fn unrequested_snapshots_are_refused() {
    let budget = Budget::new(1 << 20);
    let heap = with_snapshots(&budget, 1, 100_000);
    assert_eq!(heap.snapshots().len(), 13);
    assert_eq!(heap.refused(), Some(Refused::NotAsked("snapshots")));
    let error = ClientError::from(heap.refused().expect("it is refused"));
    assert!(matches!(error, ClientError::Protocol(_)), "{error:?}");
    assert!(error.to_string().ends_with("snapshots that were not requested"), "{error}");
    // Without a request, there is a fixed limit.
    let mut heap = Heap::new(Process::default());
    for time_ns in 0..100_000 {
        heap.add(PprofHeapPart::Snapshot(HeapSnapshot { time_ns }));
        heap.add(PprofHeapPart::Counters(HeapCounters::default()));
    }
    assert!(heap.snapshots().len() < 100, "{}", heap.snapshots().len());
    assert!(heap.refused().is_some());
    // As many as requested are accepted.
    for (duration_ms, interval_ms, snapshots) in
        [(0, 0, 1), (0, 7, 1), (1000, 0, 2), (1000, 7, 11), (1001, 100, 12), (1, 100, 2), (60_000, 5_000, 13)]
    {
        let request = PprofHeapRequest { duration_ms, interval_ms, live: false };
        let mut heap = Heap::new(Process::default()).asked(&request);
        for time_ns in 0..20 {
            heap.add(PprofHeapPart::Snapshot(HeapSnapshot { time_ns }));
            heap.add(PprofHeapPart::Counters(HeapCounters::default()));
        }
        assert_eq!(heap.snapshots().len(), snapshots, "{request:?}");
        let mut heap = Heap::new(Process::default()).asked(&request);
        heap.add(PprofHeapPart::Live(Vec::new()));
        assert_eq!(heap.refused(), Some(Refused::NotAsked("blocks")));
    }
}

#[test]
fn the_cost_of_a_line_does_not_depend_on_the_number_of_snapshots() {
    let cost = |snapshots| {
        let budget = Budget::new(1 << 30);
        let heap = with_snapshots(&budget, 1000, snapshots);
        let before = budget.charged();
        let found = growth(&heap).expect("there are snapshots");
        assert_eq!((found.unsure.len(), found.unsure[0].growing_intervals), (1000, 1));
        budget.charged() - before
    };
    assert_eq!(cost(3), cost(13));
    assert!(cost(13) >= 1000 * (size_of::<Line>() + size_of::<Grown>()) as u64, "{}", cost(13));
}

#[test]
fn the_comparison_has_limits_of_memory_and_time() {
    let budget = Budget::new(1 << 30);
    let heap = with_snapshots(&budget, 1000, 13);
    // The window took all the time: the received snapshots are still compared.
    budget.end_by(Instant::now());
    assert!(growth(&heap).is_ok());
    assert_eq!(Work { budget, until: Some(Instant::now()) }.check(), Err(Exhausted::Time));
    let blocks = with_snapshots(&Budget::new(1 << 30), 1000, 13).process.budget.charged();
    let heap = with_snapshots(&Budget::new(blocks + 100_000), 1000, 13);
    assert_eq!(heap.refused(), None);
    let exhausted = Exhausted::Memory(blocks + 100_000);
    assert_eq!(growth(&heap).expect_err("it takes more"), NoGrowth::Exhausted(exhausted));
    assert_eq!(heap.process.budget.charged(), blocks, "the charge of an interval is released");
}

#[test]
fn an_incomplete_snapshot_releases_its_memory() {
    let budget = Budget::new(250_000);
    let mut heap = with_snapshots(&budget, 0, 2);
    let before = budget.charged();
    heap.add(PprofHeapPart::Snapshot(HeapSnapshot { time_ns: 70 * SECOND as u64 }));
    for _ in 0..3 {
        heap.add(PprofHeapPart::Live(vec![
            LiveBlock { stack: 1, size_bytes: 1, mean_bytes: 1, age_ns: 1 };
            1000
        ]));
    }
    assert_eq!(heap.refused(), Some(Refused::Exhausted(Exhausted::Memory(250_000))));
    assert_eq!((heap.snapshots().len(), budget.charged()), (2, before));
    assert!(growth(&heap).is_ok());
}

#[test]
fn the_probability_of_coin_tosses_is_correct() {
    assert!((at_least_heads(0, 0) - 1.0).abs() < 1e-12);
    assert!((at_least_heads(3, 3) - 0.125).abs() < 1e-12);
    assert!((at_least_heads(5, 10) - 638.0 / 1024.0).abs() < 1e-12);
    assert!(at_least_heads(6000, 10_000) < 1e-80);
    assert!((at_least_heads(5000, 10_000) - 0.504).abs() < 1e-3);
}
