//! The text of jemalloc's profiler, as an agent forwards it: any text gives a profile of the lines that were
//! understood.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rgops_inspect::heap::Heap;
use rgops_inspect::profile::Process;
use rgops_protocol::reply::pprof_heap::{HeapCounters, HeapSnapshot, HeapSource, HeapStart, PprofHeapPart};

fuzz_target!(|bytes: &[u8]| {
    let mut heap = Heap::new(Process::default());
    heap.add(PprofHeapPart::Start(HeapStart {
        unix_ns: 1,
        source: HeapSource::Jemalloc,
        allocator: "jemalloc".to_owned(),
        mean_bytes: 0,
        since_unix_ns: None,
    }));
    heap.add(PprofHeapPart::Snapshot(HeapSnapshot { time_ns: 0 }));
    heap.add(PprofHeapPart::Jemalloc([b"heap_v2/524288\n", bytes].concat()));
    heap.add(PprofHeapPart::Counters(HeapCounters::default()));
    let profile = heap.into_profile(false, None);
    assert!(profile.sample.iter().all(|sample| sample.value.len() == profile.sample_type.len()));
});
