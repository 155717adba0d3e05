//! The content of the hostile answers, command by command.

use rgops_protocol::codec::{self, Encode};
use rgops_protocol::reply::gc::GcReply;
use rgops_protocol::reply::heap_rate::HeapRateReply;
use rgops_protocol::reply::memstats::{Field, MemstatsReply, Section, Unit};
use rgops_protocol::reply::pprof_cpu::{CpuSample, CpuStart, CpuThread, CpuTotals, PprofCpuPart};
use rgops_protocol::reply::pprof_heap::{
    Estimate, ExactCounters, HeapBucket, HeapCounters, HeapSnapshot, HeapSource, HeapStack, HeapStart,
    LiveBlock, PprofHeapPart,
};
use rgops_protocol::reply::read::ReadPart;
use rgops_protocol::reply::schedtrace::{
    RuntimeMoment, SchedtraceMoment, SchedtracePart, SchedtraceRuntime, WorkerMoment,
};
use rgops_protocol::reply::stack::{Capture, StackPart, StackSummary, SystemCall, ThreadStack};
use rgops_protocol::reply::stats::{
    AgentStats, RuntimeStats, StatsReply, TaskStates, ThreadActivity, ThreadsInState, WorkerStats,
};
use rgops_protocol::reply::tasks::{
    CellBytes, RuntimeKind, TaskCell, TaskList, TaskRuntime, TaskThread, TaskVtable, TasksPart, TasksSummary,
};
use rgops_protocol::reply::trace::{
    RuntimePoint, ThreadPoint, TracePart, TraceStart, TraceThread, TraceTotals,
};
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::reply::{Known, Module, Stack, StackEnd, Unavailable};
use rgops_protocol::request::Request;

/// A hostile text of about `bytes` bytes: colours, line breaks, text direction, marks without letters, no spaces.
pub(super) fn hostile_text(bytes: usize) -> String {
    const PIECE: &str =
        "\x1b[2J\x1b]0;x\x07\n\r\t\u{202e}\u{200b}\u{feff}\u{e0001}e\u{301}\u{301}漢\u{0}\\%s";
    let mut text = PIECE.repeat(bytes / PIECE.len() / 2);
    text.push_str(&"x".repeat(bytes.saturating_sub(text.len())));
    text
}

type Text<'t> = &'t dyn Fn() -> String;

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
            }),
        ]),
        Request::Read(_) => parts([ReadPart { ranges: vec![Some(vec![7; 100]); 100] }]),
        Request::Schedtrace(_) => parts([SchedtracePart::Moment(moment(text, number, 3))]),
        Request::Memstats(_) => {
            let field = |name: String, value| Field { name, unit: Unit::Bytes, value, source: text() };
            let fields = ["rss", "rss-anonymous", "stack-in-use", "rss-file", "live"]
                .map(|name| field(name.to_owned(), Known::Value(number)));
            let hostile_text = vec![field(text(), missing(text)), field(text(), Known::Value(number))];
            parts([MemstatsReply {
                sections: vec![
                    Section { name: "process".to_owned(), fields: fields.to_vec() },
                    Section { name: "heap".to_owned(), fields: fields.to_vec() },
                    Section { name: text(), fields: hostile_text },
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

/// A module that covers all addresses.
fn everything(text: Text<'_>) -> Module {
    Module {
        path: format!("/{}", text()),
        build_id: vec![7; 20],
        start_avma: 0,
        end_avma: u64::MAX,
        bias: 0,
        has_unwind_data: true,
    }
}

fn unavailable(text: Text<'_>) -> Unavailable {
    Unavailable { reason: text(), fix: text() }
}

fn missing<T>(text: Text<'_>) -> Known<T> {
    Known::Unavailable(unavailable(text))
}

fn stack(frames: Vec<u64>) -> Stack {
    Stack { frames, end: StackEnd::Lost }
}

fn sample(time_ns: u64, tid: u32, frames: Vec<u64>) -> CpuSample {
    CpuSample { time_ns, tid, weight: tid, stack: stack(frames) }
}

fn thread(text: Text<'_>, tid: u32, frames: Vec<u64>) -> ThreadStack {
    ThreadStack {
        tid,
        name: text(),
        state: '\u{202e}',
        cpu_ns: missing(text),
        wchan: text(),
        system_call: Known::Value(SystemCall::Number { number: u32::MAX, first_argument: u64::MAX }),
        is_agent: false,
        current_task: Some(u64::from(tid)),
        capture: Capture::Signal { because: text() },
        stack: stack(frames),
    }
}

fn cell(number: u64, vtable: u32) -> TaskCell {
    TaskCell {
        runtime: vtable,
        id: number,
        header_avma: number,
        vtable,
        state: number & !3,
        bytes: CellBytes::NotRead,
    }
}

fn runtime(text: Text<'_>) -> TaskRuntime {
    TaskRuntime {
        index: 0,
        name: text(),
        kind: RuntimeKind::MultiThread,
        workers: u32::MAX,
        handle_words: vec![1, u64::MAX],
        alive_tasks: missing(text),
        list: Known::Value(TaskList { shards: u32::MAX, incomplete_shards: 1, listed: u32::MAX }),
    }
}

fn cpu_start(text: Text<'_>) -> PprofCpuPart {
    PprofCpuPart::Start(CpuStart { unix_ns: u64::MAX, period_ns: u64::MAX, engine: text(), fallback: text() })
}

fn cpu_totals(text: Text<'_>, number: u64) -> CpuTotals {
    let thread = CpuThread { tid: 1, name: text(), cpu_ns: number, weight: number, ended: true };
    CpuTotals {
        duration_ns: number,
        process_cpu_ns: number,
        agent_cpu_ns: number,
        unsampled_cpu_ns: number,
        late_cpu_ns: number,
        threads: vec![thread; 3],
        samples: number,
        weight: number,
        dropped_ring: number,
        dropped_cache: number,
        truncated: number,
        lost_walks: number,
        foreign_signals: number,
        timer_failures: number,
    }
}

fn heap_start(text: Text<'_>) -> PprofHeapPart {
    PprofHeapPart::Start(HeapStart {
        unix_ns: u64::MAX,
        source: HeapSource::Wrapper,
        allocator: text(),
        mean_bytes: u64::MAX,
        since_unix_ns: Some(u64::MAX),
    })
}

fn estimate(number: u64) -> Estimate {
    Estimate {
        samples: number,
        objects_milli: number,
        bytes: number,
        objects_variance: number,
        bytes_variance: number,
    }
}

fn block(number: u64) -> LiveBlock {
    LiveBlock { stack: 1, size_bytes: number, mean_bytes: number, age_ns: number }
}

fn counters(number: u64) -> HeapCounters {
    let exact = ExactCounters {
        allocations: number,
        frees: number,
        reallocations: number,
        allocated_bytes: number,
        freed_bytes: number,
    };
    HeapCounters {
        exact: Some(exact),
        sampled: number,
        sampled_freed: number / 2,
        live_capacity: number,
        stacks: number,
        stack_capacity: number,
        lost: number,
        lost_bytes: number,
        without_stack: number,
        truncated: number,
        own_bytes: number,
    }
}

fn trace_start(text: Text<'_>) -> TracePart {
    TracePart::Start(TraceStart {
        unix_ns: u64::MAX,
        monotonic_ns: u64::MAX,
        pid: u32::MAX,
        interval_ns: u64::MAX,
        period_ns: u64::MAX,
        no_samples: text(),
        runtimes: vec![text()],
    })
}

fn point(text: Text<'_>, number: u64) -> ThreadPoint {
    ThreadPoint {
        time_ns: number,
        tid: 1,
        running_ns: number,
        runnable_ns: number,
        state: 'R',
        system_call: missing(text),
        descriptor: text(),
        wchan: text(),
    }
}

fn runtime_point(time_ns: u64, number: u64, small: u32) -> RuntimePoint {
    RuntimePoint {
        time_ns,
        runtime: 0,
        alive_tasks: number,
        global_queue: number,
        parked: small,
        workers: small,
        busy_ns: number,
    }
}

fn sched_runtime(text: Text<'_>) -> SchedtraceRuntime {
    SchedtraceRuntime { name: text(), kind: RuntimeKind::MultiThread, handle_words: vec![1, u64::MAX] }
}

fn moment(text: Text<'_>, number: u64, workers: usize) -> SchedtraceMoment {
    let worker = WorkerMoment { parked: false, parks: number, busy_ns: Known::Value(number) };
    SchedtraceMoment {
        time_ns: number,
        interval_ns: number,
        threads: missing(text),
        runtimes: vec![RuntimeMoment {
            workers: vec![worker; workers],
            alive_tasks: number,
            global_queue: number,
            unstable: missing(text),
        }],
        memory: missing(text),
    }
}

fn stats(text: Text<'_>, number: u64, small: u32) -> StatsReply {
    let worker =
        WorkerStats { parked: false, parks: 0, tokio_busy_ns: number, busy_ns: Known::Value(number) };
    let activity = ThreadActivity {
        tid: small,
        name: text(),
        state: '\u{202e}',
        running_ns: Known::Value(number),
        runnable_ns: missing(text),
        is_agent: false,
    };
    StatsReply {
        uptime_ns: Known::Value(number),
        user_cpu_ns: Known::Value(number),
        system_cpu_ns: missing(text),
        cpus_online: Known::Value(small),
        cpus_allowed: Known::Value(small),
        cpu_quota_milli: Known::Value(Some(number)),
        throttled_periods: Known::Value(number),
        threads: Known::Value(vec![ThreadsInState { state: '\n', count: small }; 3]),
        descriptors: Known::Value(number),
        descriptors_limit: Known::Value(number),
        voluntary_switches: Known::Value(number),
        involuntary_switches: Known::Value(number),
        window_ns: number,
        runtimes: vec![RuntimeStats {
            name: text(),
            flavor: text(),
            workers: vec![worker; 3],
            alive_tasks: number,
            global_queue: number,
            tasks: Known::Value(TaskStates {
                running: number,
                scheduled: number,
                idle: number,
                complete: number,
            }),
        }],
        thread_activity: vec![activity; 2],
        agent: AgentStats {
            uptime_ns: number,
            address: text(),
            connections: number,
            open_connections: number,
            requests: number,
            refused_users: number,
            refused_tokens: number,
            refused_limits: number,
            malformed: number,
            busy: number,
            cancelled: number,
            dropped: number,
            cpu_ns: Known::Value(number),
            sent_bytes: number,
        },
    }
}

fn version(text: Text<'_>) -> VersionReply {
    VersionReply {
        program: Known::Value(text()),
        executable: Known::Value(text()),
        build_id: vec![7; 20],
        rustc: text(),
        target: text(),
        profile: text(),
        opt_level: text(),
        debug_assertions: true,
        panic: text(),
        comment: Known::Value(vec![text()]),
        sections: Known::Value(vec![text()]),
        symbols: Known::Value(vec![text()]),
        auditable: Vec::new(),
        tokio: missing(text),
        allocator: Known::Value(text()),
        agent: text(),
        protocol: u32::MAX,
        features: vec![text()],
    }
}
