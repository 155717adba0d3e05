//! The content of the hostile answers, command by command.

use rgops_protocol::PROTOCOL_VERSION;
use rgops_protocol::codec::{self, Encode};
use rgops_protocol::reply::gc::GcReply;
use rgops_protocol::reply::heap_rate::HeapRateReply;
use rgops_protocol::reply::memstats::{Field, MemstatsReply, Section, Unit};
use rgops_protocol::reply::pprof_cpu::PprofCpuPart;
use rgops_protocol::reply::pprof_heap::{HeapBucket, HeapCounters, HeapSnapshot, HeapStack, PprofHeapPart};
use rgops_protocol::reply::read::ReadPart;
use rgops_protocol::reply::schedtrace::SchedtracePart;
use rgops_protocol::reply::stack::{StackPart, StackSummary, WaitingThread};
use rgops_protocol::reply::tasks::{CellBytes, TaskCell, TaskThread, TaskVtable, TasksPart, TasksSummary};
use rgops_protocol::reply::trace::{ThreadPoint, TracePart, TraceThread, TraceTotals};
use rgops_protocol::reply::words::WordsPart;
use rgops_protocol::reply::{Known, Module};
use rgops_protocol::request::Request;
use rgops_protocol::tail::Tail;

use crate::elements::{
    Text, block, cell, counters, cpu_start, cpu_totals, estimate, everything, heap_start, missing, moment,
    point, runtime, runtime_point, sample, sched_runtime, stack, stats, thread, trace_start, unavailable,
    version, words,
};

/// A hostile text of about `bytes` bytes: colours, line breaks, text direction, marks without letters, no spaces.
pub(super) fn hostile_text(bytes: usize) -> String {
    const PIECE: &str =
        "\x1b[2J\x1b]0;x\x07\n\r\t\u{202e}\u{200b}\u{feff}\u{e0001}e\u{301}\u{301}漢\u{0}\\%s";
    let mut text = PIECE.repeat(bytes / PIECE.len() / 2);
    text.push_str(&"x".repeat(bytes.saturating_sub(text.len())));
    text
}

/// The first parts of an answer of many parts, so that the client has something to show.
pub(super) fn beginning(request: &Request, text: Text<'_>) -> Vec<Vec<u8>> {
    match request {
        Request::PprofCpu(_) => parts([cpu_start(text), PprofCpuPart::Modules(vec![everything(text)])]),
        Request::Trace(_) => parts([
            trace_start(text),
            TracePart::Modules(vec![everything(text)]),
            TracePart::Threads(vec![TraceThread { tid: 1, name: text(), is_agent: false, first_ns: 0 }]),
        ]),
        Request::PprofHeap(_) => parts([
            heap_start(text),
            PprofHeapPart::Modules(vec![everything(text)]),
            PprofHeapPart::Snapshot(HeapSnapshot { time_ns: 0 }),
            PprofHeapPart::Counters(HeapCounters::default()),
        ]),
        Request::Stack(_) => parts([StackPart::Modules(vec![everything(text)])]),
        Request::Tasks(_) => parts([
            TasksPart::Modules(vec![everything(text)]),
            TasksPart::Runtime(runtime(text)),
            TasksPart::Vtables(vec![TaskVtable {
                avma: 0x1000,
                poll_avma: 0x2000,
                id_offset: 32,
                trailer_offset: 512,
            }]),
        ]),
        Request::Schedtrace(_) => parts([SchedtracePart::Runtimes(vec![sched_runtime(text)])]),
        _ => Vec::new(),
    }
}

/// A whole answer, with `number` in every numeric field.
pub(super) fn whole(request: &Request, text: Text<'_>, number: u64) -> Vec<Vec<u8>> {
    let small = u32::try_from(number).unwrap_or(u32::MAX);
    match request {
        Request::PprofCpu(_) => parts([
            PprofCpuPart::Samples(vec![sample(number, small, vec![number; 3]); 3]),
            PprofCpuPart::Samples(vec![sample(0, small.wrapping_sub(1), vec![number / 2, 7])]),
            PprofCpuPart::Totals(cpu_totals(text, number)),
        ]),
        Request::Trace(_) => parts([
            TracePart::Activity(vec![point(text, number); 3]),
            TracePart::Activity(vec![point(text, number / 2), point(text, number)]),
            TracePart::Samples(vec![sample(number, 7, vec![number; 3])]),
            TracePart::Runtimes(
                [0, number, number / 2, number].map(|time_ns| runtime_point(time_ns, number, small)).to_vec(),
            ),
            TracePart::Totals(TraceTotals {
                duration_ns: number,
                readings: number,
                late_readings: number,
                process_cpu_ns: number,
                agent_cpu_ns: number,
                samples: number,
                dropped_weight: number,
                resolution: Tail::absent(),
            }),
        ]),
        Request::PprofHeap(asked) => {
            let mut heap = vec![
                PprofHeapPart::Stacks(vec![HeapStack { id: 1, stack: stack(vec![number; 3]) }]),
                PprofHeapPart::Snapshot(HeapSnapshot { time_ns: number }),
                PprofHeapPart::Buckets(vec![
                    HeapBucket { stack: 1, allocated: estimate(number), freed: estimate(number / 2) },
                    HeapBucket { stack: 2, allocated: estimate(0), freed: estimate(number) },
                    HeapBucket { stack: 3, allocated: estimate(1 << 63), freed: estimate(0) },
                ]),
            ];
            // A part that was not requested would be refused and never read.
            if asked.live {
                heap.push(PprofHeapPart::Live(vec![block(number); 20]));
            }
            heap.push(PprofHeapPart::Counters(counters(number)));
            if asked.duration_ms > 0 {
                heap.push(PprofHeapPart::Snapshot(HeapSnapshot { time_ns: number / 2 }));
                heap.push(PprofHeapPart::Counters(counters(number)));
            }
            parts(heap)
        }
        Request::Stack(_) => parts([
            StackPart::Threads(vec![thread(text, small, vec![number; 3])]),
            StackPart::Summary(StackSummary {
                unix_ns: number,
                capture_ns: number,
                threads: small,
                captured: small,
                vanished: small,
                current_tasks: Some(unavailable(text)),
                waiting: Tail::for_reader(
                    PROTOCOL_VERSION,
                    vec![WaitingThread { tid: small, for_ns: number }],
                ),
            }),
        ]),
        Request::Tasks(_) => parts([
            TasksPart::Tasks(vec![cell(number, u32::MAX), cell(number / 2, 0)]),
            TasksPart::Threads(vec![TaskThread {
                stack: thread(text, small, vec![number]),
                current_task_avma: Some(number),
            }]),
            TasksPart::Summary(TasksSummary {
                unix_ns: number,
                list_ns: number,
                capture_ns: Known::Value(number),
                current_tasks: Some(unavailable(text)),
                anchors: small,
                memory: None,
                monotonic_ns: Tail::for_reader(2, number),
            }),
        ]),
        Request::Read(_) => parts([ReadPart { ranges: vec![Some(vec![7; 100]); 100] }]),
        Request::Words(asked) => parts([WordsPart {
            threads: asked.threads.iter().map(|tid| words(*tid, number, small)).collect(),
        }]),
        Request::Schedtrace(_) => parts([SchedtracePart::Moment(moment(text, number, 3))]),
        Request::Memstats(_) => {
            let field = |name: String, value| Field { name, unit: Unit::Bytes, value, source: text() };
            let fields = ["rss", "rss-anonymous", "stack-in-use", "rss-file", "live"]
                .map(|name| field(name.to_owned(), Known::Value(number)));
            let odd = vec![field(text(), missing(text)), field(text(), Known::Value(number))];
            parts([MemstatsReply {
                sections: vec![
                    Section { name: "process".to_owned(), fields: fields.to_vec() },
                    Section { name: "heap".to_owned(), fields: fields.to_vec() },
                    Section { name: text(), fields: odd },
                ],
            }])
        }
        Request::Stats(_) => parts([stats(text, number, small)]),
        Request::Version(_) => parts([version(text)]),
        Request::Gc(_) => parts([GcReply { allocators: Vec::new() }]),
        Request::HeapRate(_) => {
            parts([HeapRateReply { before_bytes: number, now_bytes: number, default_bytes: number }])
        }
    }
}

/// A part with one element.
pub(super) fn tiny(request: &Request, round: u64) -> Vec<Vec<u8>> {
    let tid = round as u32;
    let none = &String::new;
    match request {
        Request::PprofCpu(_) => parts([PprofCpuPart::Samples(vec![sample(round, tid, vec![round])])]),
        Request::Trace(_) => parts([
            TracePart::Threads(vec![TraceThread { tid, name: "t".into(), is_agent: false, first_ns: 0 }]),
            TracePart::Activity(vec![ThreadPoint { tid, ..point(none, round) }]),
        ]),
        Request::PprofHeap(_) => parts([
            PprofHeapPart::Snapshot(HeapSnapshot { time_ns: round }),
            PprofHeapPart::Counters(counters(round)),
        ]),
        Request::Stack(_) => parts([StackPart::Threads(vec![thread(none, tid, vec![round])])]),
        Request::Tasks(_) => parts([TasksPart::Tasks(vec![cell(round, 0)])]),
        Request::Schedtrace(_) => parts([SchedtracePart::Moment(moment(none, round, 1))]),
        _ => whole(request, none, round),
    }
}

/// The maximum number of the smallest elements that the decoder accepts in one packet.
pub(super) fn amplified(request: &Request, round: u64) -> Vec<Vec<u8>> {
    let none = &String::new;
    match request {
        Request::PprofCpu(_) => {
            parts([PprofCpuPart::Samples(vec![sample(0, round as u32, vec![]); 150_000])])
        }
        Request::Trace(_) => parts([TracePart::Activity(vec![point(none, 0); 90_000])]),
        // All of them in one snapshot: too many snapshots would be refused.
        Request::PprofHeap(asked) => {
            let first = (round == 1).then_some(PprofHeapPart::Snapshot(HeapSnapshot { time_ns: round }));
            let more = match asked.live {
                true => PprofHeapPart::Live(vec![block(1); 200_000]),
                false => PprofHeapPart::Stacks(vec![HeapStack { id: 0, stack: stack(Vec::new()) }; 200_000]),
            };
            parts(first.into_iter().chain([more]))
        }
        Request::Stack(_) => parts([StackPart::Threads(vec![thread(none, 0, vec![]); 50_000])]),
        Request::Tasks(_) => parts([TasksPart::Tasks(vec![cell(0, 0); 80_000])]),
        Request::Schedtrace(_) => parts([SchedtracePart::Moment(moment(none, 0, 80_000))]),
        Request::Memstats(_) => parts([MemstatsReply {
            sections: vec![Section { name: String::new(), fields: Vec::new() }; 300_000],
        }]),
        Request::Stats(_) => {
            let mut reply = stats(none, 0, 0);
            reply.runtimes = vec![reply.runtimes[0].clone(); 60_000];
            parts([reply])
        }
        Request::Version(_) => {
            let mut reply = version(none);
            reply.comment = Known::Value(vec![String::new(); 300_000]);
            reply.features = vec![String::new(); 300_000];
            parts([reply])
        }
        _ => whole(request, none, 1),
    }
}

/// Addresses, threads and tasks that have not been sent before.
pub(super) fn distinct(request: &Request, round: u64) -> Vec<Vec<u8>> {
    let none = &String::new;
    let addresses =
        |number: u64| (0..500).map(|frame| 0x1_0000_0000 + (round * 200 + number) * 500 + frame).collect();
    let tid = |number: u64| (round * 200 + number) as u32;
    match request {
        Request::PprofCpu(_) => {
            let samples = (0..200).map(|number| sample(round, tid(number), addresses(number)));
            parts([PprofCpuPart::Samples(samples.collect())])
        }
        Request::Trace(_) => {
            let samples = (0..200).map(|number| sample(round, tid(number), addresses(number)));
            let thread =
                |tid| TraceThread { tid, name: format!("{tid}").repeat(20), is_agent: false, first_ns: 0 };
            parts([
                TracePart::Threads((0..200).map(|number| thread(tid(number))).collect()),
                TracePart::Samples(samples.collect()),
            ])
        }
        Request::PprofHeap(_) => {
            let named = |number| HeapStack { id: tid(number), stack: stack(addresses(number)) };
            let sums =
                |number| HeapBucket { stack: tid(number), allocated: estimate(round), freed: estimate(0) };
            parts([
                PprofHeapPart::Stacks((0..200).map(named).collect()),
                PprofHeapPart::Buckets((0..200).map(sums).collect()),
            ])
        }
        Request::Stack(_) => {
            let threads = (0..200).map(|number| thread(none, tid(number), addresses(number)));
            parts([StackPart::Threads(threads.collect())])
        }
        Request::Tasks(_) => {
            let thread = |number| TaskThread {
                stack: thread(none, tid(number), addresses(number)),
                current_task_avma: None,
            };
            let read = |number| TaskCell { bytes: CellBytes::Read(vec![7; 4000]), ..cell(number, 0) };
            parts([
                TasksPart::Threads((0..100).map(thread).collect()),
                TasksPart::Tasks((0..200).map(|number| read(round * 200 + number)).collect()),
            ])
        }
        Request::Schedtrace(_) => {
            let named = || format!("runtime {round}");
            parts([
                SchedtracePart::Moment(moment(none, round, 100)),
                SchedtracePart::Runtimes(vec![sched_runtime(&named); 1000]),
            ])
        }
        _ => amplified(request, round),
    }
}

/// Endless module lists, with paths that must not be opened.
pub(super) fn modules(request: &Request, round: u64) -> Vec<Vec<u8>> {
    let path = |number: u64| match number % 6 {
        0 => "/proc/kmsg".to_owned(),
        1 => "/dev/ptmx".to_owned(),
        2 => std::env::var("HOSTILE_FIFO").unwrap_or_default(),
        3 => std::env::var("HOSTILE_LINK").unwrap_or_default(),
        4 => format!("/proc/{}/environ", std::process::id()),
        _ => format!("/no/such/{round}/{number}"),
    };
    let list: Vec<Module> = (0..2000)
        .map(|number| Module {
            path: path(number),
            build_id: vec![number as u8; 20],
            start_avma: (round * 2000 + number) << 16,
            end_avma: ((round * 2000 + number) << 16) + 0x8000,
            bias: number,
            has_unwind_data: true,
        })
        .collect();
    let addresses: Vec<u64> = (0..6).map(|number| ((round * 2000 + number) << 16) + 7).collect();
    let none = &String::new;
    match request {
        Request::PprofCpu(_) => {
            parts([PprofCpuPart::Modules(list), PprofCpuPart::Samples(vec![sample(round, 1, addresses)])])
        }
        Request::Trace(_) => {
            parts([TracePart::Modules(list), TracePart::Samples(vec![sample(round, 1, addresses)])])
        }
        Request::PprofHeap(_) => parts([
            PprofHeapPart::Modules(list),
            PprofHeapPart::Stacks(vec![HeapStack { id: round as u32, stack: stack(addresses) }]),
        ]),
        Request::Stack(_) => {
            parts([StackPart::Modules(list), StackPart::Threads(vec![thread(none, 1, addresses)])])
        }
        Request::Tasks(_) => parts([
            TasksPart::Modules(list),
            TasksPart::Threads(vec![TaskThread {
                stack: thread(none, 1, addresses),
                current_task_avma: None,
            }]),
        ]),
        _ => whole(request, none, round),
    }
}

/// The parts that fit into a packet.
fn parts<T: Encode>(parts: impl IntoIterator<Item = T>) -> Vec<Vec<u8>> {
    parts.into_iter().filter_map(|part| codec::encode(&part).ok()).collect()
}
