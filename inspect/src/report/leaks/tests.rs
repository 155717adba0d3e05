//! The screen and the JSON of made-up snapshots.

use rgops_protocol::reply::pprof_heap::{
    ExactCounters, HeapCounters, HeapSnapshot, HeapStack, LiveBlock, PprofHeapPart,
};
use rgops_protocol::reply::{Stack, StackEnd};

use super::*;
use crate::budget;
use crate::budget::{Budget, Exhausted};
use crate::heap::Heap;
use crate::heap::growth;
use crate::profile::Process;
use rgops_protocol::reply::End;

/// A minute in which one line gains a block every three seconds, and another line gains a single block.
fn watched() -> Heap {
    watched_within(budget::standard())
}

fn watched_within(budget: Budget) -> Heap {
    let mut heap = Heap::new(Process { budget, ..Process::default() });
    let stack =
        |id, frames: &[u64]| HeapStack { id, stack: Stack { frames: frames.to_vec(), end: StackEnd::Root } };
    heap.add(PprofHeapPart::Stacks(vec![stack(1, &[0x11, 0x12]), stack(2, &[0x21])]));
    for second in (0..=60_u64).step_by(5) {
        heap.add(PprofHeapPart::Snapshot(HeapSnapshot { time_ns: second * 1_000_000_000 }));
        let block = |stack, born: u64| LiveBlock {
            stack,
            size_bytes: 1 << 20,
            mean_bytes: 1,
            age_ns: (second - born) * 1_000_000_000,
        };
        let mut live: Vec<_> = (0..second).step_by(3).map(|born| block(1, born)).collect();
        live.extend((second > 30).then(|| block(2, 30)));
        heap.add(PprofHeapPart::Live(live));
        heap.add(PprofHeapPart::Counters(HeapCounters::default()));
    }
    heap
}

#[test]
fn the_screen_names_the_line_and_what_may_be_chance() {
    let heap = watched();
    let growth = growth(&heap).unwrap_or_else(|_| unreachable!("there are snapshots"));
    let expected = "\
In 1m00s, 1 of 1 compared line grew (13 snapshots).
1.00MB of 21.00MB in use is younger than 6s and is not compared.

 growth  per minute  at least  confidence   in use  samples   grew in  line
19.00MB     19.00MB   19.00MB     > 99.9%  20.00MB   +19 -0  11 of 12  0x11

1. 0x11
   0x11
   0x12

1 line grew by 1.00MB, which may be chance or did not continue in the second half; largest: 0x21
";
    assert_eq!(render(&heap, &growth, "shop"), expected);
    let hello = crate::made::hello();
    let json = serde_json::to_value(JsonLeaks::document(&hello, &heap, &growth, Ok(&End::default())));
    let json = json.unwrap_or_default();
    assert_eq!(json["schema"], "rgops.leaks/1");
    assert_eq!(json["grown"][0]["growth_bytes"], 19 << 20);
    assert_eq!(json["grown"][0]["stack"][1]["function"], "0x12");
    assert_eq!(json["unsure"][0]["gained"]["samples"], 1);
}

#[test]
fn exact_growth_comes_first_and_then_the_likeliest_line_and_how_to_be_sure() {
    let mut heap = Heap::new(Process { budget: budget::standard(), ..Process::default() });
    let stack = Stack { frames: vec![0x11], end: StackEnd::Root };
    heap.add(PprofHeapPart::Stacks(vec![HeapStack { id: 1, stack }]));
    for second in [0, 30, 60_u64] {
        heap.add(PprofHeapPart::Snapshot(HeapSnapshot { time_ns: second * 1_000_000_000 }));
        let block = LiveBlock { stack: 1, size_bytes: 9, mean_bytes: 1, age_ns: 30_000_000_000 };
        heap.add(PprofHeapPart::Live(if second == 60 { vec![block] } else { Vec::new() }));
        let exact = ExactCounters { allocated_bytes: second << 20, ..ExactCounters::default() };
        heap.add(PprofHeapPart::Counters(HeapCounters { exact: Some(exact), ..HeapCounters::default() }));
    }
    let growth = growth(&heap).unwrap_or_else(|_| unreachable!("there are snapshots"));
    let text = render(&heap, &growth, "shop");
    assert!(text.starts_with("In 1m00s the heap grew by 60.00MB (60.00MB a minute), exact.\n"), "{text}");
    for part in ["each may be chance:\n", "+1 -0", "0x11\n", "rgops leaks shop --duration 2m\n"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn lines_beyond_the_budget_are_left_out_of_the_json_with_the_reason() {
    let mut heap = watched_within(budget::standard());
    let growth = growth(&heap).unwrap_or_else(|_| unreachable!("there are snapshots"));
    heap.process.budget = Budget::new(1_500);
    let hello = crate::made::hello();
    let json = JsonLeaks::document(&hello, &heap, &growth, Ok(&End::default()));
    assert_eq!(json.cut(), Some(Exhausted::Memory(1_500)));
    let json = serde_json::to_value(json).unwrap_or_default();
    assert_eq!(
        (json["grown"].as_array().map(Vec::len), json["unsure"].as_array().map(Vec::len)),
        (Some(1), Some(0))
    );
    assert!(json["broken_off"].as_str().is_some_and(|why| why.starts_with("the rest is left out: ")));
}
