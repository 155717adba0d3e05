//! Programs that leak, cache and churn, made up block by block and sampled as the agent samples.

use rgops_protocol::reply::heap::{
    HeapCounters, HeapPart, HeapSnapshot, HeapSource, HeapStack, HeapStart, LiveBlock,
};
use rgops_protocol::reply::{Stack, StackEnd};

use super::*;
use crate::profile::Process;

const MEAN: u64 = 524_288;
const SECOND: i64 = 1_000_000_000;

/// A sampled block: its line, and its life in nanoseconds since the window began.
#[derive(Clone, Copy)]
struct Block {
    stack: u32,
    birth_ns: i64,
    death_ns: i64,
}

/// xorshift64: a test must see the same programs again.
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

/// A minute of it: `leaked` samples, a full cache of 200 samples whose places are filled anew, 2000
/// short lives, and a table that fills up in the first third.
fn program(random: &mut Random, leaked: i64) -> Vec<Block> {
    let mut blocks = Vec::new();
    for _ in 0..leaked * 2 {
        let birth_ns = random.below(120 * SECOND) - 60 * SECOND;
        blocks.push(Block { stack: LEAK, birth_ns, death_ns: i64::MAX });
    }
    for _ in 0..200 {
        // A place of the cache: one block after the other.
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
    heap.add(HeapPart::Start(HeapStart {
        unix_ns: 1,
        source: HeapSource::Wrapper,
        allocator: "std::alloc::System".to_owned(),
        mean_bytes: MEAN,
        since_unix_ns: None,
    }));
    let stack = |id| HeapStack { id, stack: Stack { frames: vec![u64::from(id)], end: StackEnd::Root } };
    heap.add(HeapPart::Stacks((1..=4).map(stack).collect()));
    for number in 0..=snapshots {
        let now = number * 60 * SECOND / snapshots;
        heap.add(HeapPart::Snapshot(HeapSnapshot { time_ns: now as u64 }));
        let live = blocks.iter().filter(|block| block.birth_ns <= now && now < block.death_ns);
        let live = live.map(|block| LiveBlock {
            stack: block.stack,
            size_bytes: 1000,
            mean_bytes: MEAN,
            age_ns: (now - block.birth_ns) as u64,
        });
        heap.add(HeapPart::Live(live.collect()));
        heap.add(HeapPart::Counters(HeapCounters::default()));
    }
    heap
}

#[test]
fn a_leak_is_named_and_nothing_else_in_a_hundred_programs() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut false_names = 0;
    for _ in 0..100 {
        let heap = observed(&program(&mut random, 60), 12);
        let found = growth(&heap).expect("there are snapshots");
        assert_eq!(found.grown.first().map(|grown| grown.stack), Some(LEAK), "{found:?}");
        let leak = &found.grown[0];
        // 60 samples a window, give or take: within four deviations.
        assert!((29..=91).contains(&leak.gained.samples), "{leak:?}");
        assert!(leak.least_bytes() > 0.0 && leak.confidence > 0.99);
        assert_eq!(leak.lost.samples, 0);
        assert!(leak.growing_intervals >= 8, "{leak:?}");
        false_names += found.grown.len() - 1;
    }
    // 5 % of windows are promised.
    assert!(false_names <= 10, "{false_names} wrong names in 100 windows");
}

#[test]
fn where_nothing_leaks_nothing_is_named() {
    let mut random = Random(42);
    let mut false_names = 0;
    for _ in 0..100 {
        let heap = observed(&program(&mut random, 0), 12);
        false_names += growth(&heap).expect("there are snapshots").grown.len();
    }
    assert!(false_names <= 10, "{false_names} wrong names in 100 windows");
}

#[test]
fn the_youngest_are_set_apart_and_few_samples_prove_nothing() {
    let mut blocks = vec![Block { stack: CHURN, birth_ns: 59 * SECOND, death_ns: i64::MAX }; 50];
    blocks.extend([Block { stack: LEAK, birth_ns: 30 * SECOND, death_ns: i64::MAX }; 3]);
    let found = growth(&observed(&blocks, 6)).expect("there are snapshots");
    assert!(found.grown.is_empty(), "{found:?}");
    assert_eq!((found.young.samples, found.live.samples), (50, 53));
    assert_eq!(found.unsure.iter().map(|grown| grown.stack).collect::<Vec<_>>(), [LEAK]);
    assert!((found.unsure[0].confidence - 0.875).abs() < 1e-9);
}

#[test]
fn coins() {
    assert!((at_least_heads(0, 0) - 1.0).abs() < 1e-12);
    assert!((at_least_heads(3, 3) - 0.125).abs() < 1e-12);
    assert!((at_least_heads(5, 10) - 638.0 / 1024.0).abs() < 1e-12);
    assert!(at_least_heads(6000, 10_000) < 1e-80);
    assert!((at_least_heads(5000, 10_000) - 0.504).abs() < 1e-3);
}
