//! `pprof-heap`: its request and its parts.

use super::golden;
use super::samples::{sample_modules, sample_stack};
use crate::reply::{Stack, StackEnd, pprof_heap};
use crate::request;

fn sample_estimate(samples: u64) -> pprof_heap::Estimate {
    pprof_heap::Estimate {
        samples,
        objects_milli: 32_768_500,
        bytes: 524_296,
        objects_variance: 1 << 30,
        bytes_variance: 1 << 22,
    }
}

golden!(
    request_pprof_heap,
    request::PprofHeapRequest,
    request::PprofHeapRequest { duration_ms: 60_000, interval_ms: 1000, live: true }
);
golden!(
    pprof_heap_start,
    pprof_heap::PprofHeapPart,
    pprof_heap::PprofHeapPart::Start(pprof_heap::HeapStart {
        unix_ns: 1_795_386_238_433_888_352,
        source: pprof_heap::HeapSource::Wrapper,
        allocator: "std::alloc::System".into(),
        mean_bytes: 524_288,
        since_unix_ns: Some(1_795_386_230_000_000_000),
    })
);
golden!(
    pprof_heap_start_jemalloc,
    pprof_heap::PprofHeapPart,
    pprof_heap::PprofHeapPart::Start(pprof_heap::HeapStart {
        unix_ns: 1_795_386_238_433_888_352,
        source: pprof_heap::HeapSource::Jemalloc,
        allocator: "jemalloc".into(),
        mean_bytes: 0,
        since_unix_ns: None,
    })
);
golden!(pprof_heap_modules, pprof_heap::PprofHeapPart, pprof_heap::PprofHeapPart::Modules(sample_modules()));
golden!(
    pprof_heap_stacks,
    pprof_heap::PprofHeapPart,
    pprof_heap::PprofHeapPart::Stacks(vec![
        pprof_heap::HeapStack { id: 0, stack: Stack { frames: vec![], end: StackEnd::NotCaptured } },
        pprof_heap::HeapStack { id: 300, stack: sample_stack() },
    ])
);
golden!(
    pprof_heap_snapshot,
    pprof_heap::PprofHeapPart,
    pprof_heap::PprofHeapPart::Snapshot(pprof_heap::HeapSnapshot { time_ns: 1_000_000_000 })
);
golden!(
    pprof_heap_buckets,
    pprof_heap::PprofHeapPart,
    pprof_heap::PprofHeapPart::Buckets(vec![pprof_heap::HeapBucket {
        stack: 300,
        allocated: sample_estimate(2),
        freed: sample_estimate(1)
    }])
);
golden!(
    pprof_heap_live,
    pprof_heap::PprofHeapPart,
    pprof_heap::PprofHeapPart::Live(vec![pprof_heap::LiveBlock {
        stack: 300,
        size_bytes: 16,
        mean_bytes: 524_288,
        age_ns: 5_000_000_000
    }])
);
golden!(
    pprof_heap_counters,
    pprof_heap::PprofHeapPart,
    pprof_heap::PprofHeapPart::Counters(pprof_heap::HeapCounters {
        exact: Some(pprof_heap::ExactCounters {
            allocations: 1,
            frees: 2,
            reallocations: 3,
            allocated_bytes: 4,
            freed_bytes: 5,
        }),
        sampled: 6,
        sampled_freed: 7,
        live_capacity: 8,
        stacks: 9,
        stack_capacity: 10,
        lost: 11,
        lost_bytes: 12,
        without_stack: 13,
        truncated: 14,
        own_bytes: 15,
    })
);
golden!(
    pprof_heap_jemalloc,
    pprof_heap::PprofHeapPart,
    pprof_heap::PprofHeapPart::Jemalloc(b"heap_v2/524288\n".to_vec())
);
