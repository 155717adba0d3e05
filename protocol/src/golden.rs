//! The bytes of version 1, frozen: every message type, from `golden/*.hex` or beside the test, decoded by
//! `codec` and by `wincode`, an independent implementation of the same format.
//!
//! A change that makes this fail is a new version of that command. Only a message that was never
//! released may be rewritten, with `RGOPS_BLESS=1 cargo test -p rgops-protocol golden`.
//!
//! A new command has its `golden!` lines in its own file, `reply/MODULE.rs`, with the bytes as a third
//! argument.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

use crate::reply::{End, Known, Module, Note, NoteKind, Progress, Stack, StackEnd, Unavailable};
use crate::reply::{
    gc, heap_rate, memstats, pprof_cpu, pprof_heap, schedtrace, stack, stats, tasks, trace, version,
};
use crate::request::{self, Envelope};
use crate::tail::Tail;
use crate::{auth, codec, error, hello};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.hex"))
}

/// The bytes of a golden file.
pub(crate) fn frozen(name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(file(name))
        .unwrap_or_else(|error| panic!("{}: {error}", file(name).display()));
    from_hex(&text)
}

/// Hexadecimal digits, white space and `#` comments ignored.
pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let digits: String = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .flat_map(str::chars)
        .filter(char::is_ascii_hexdigit)
        .collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

pub(crate) fn bless(name: &str, debug: &str, bytes: &[u8]) {
    if std::env::var_os("RGOPS_BLESS").is_none() {
        return;
    }
    let lines: Vec<String> = bytes
        .chunks(32)
        .map(|chunk| chunk.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        .collect();
    std::fs::write(file(name), format!("# {debug}\n{}\n", lines.join("\n"))).unwrap();
}

/// `value` is `frozen`, by both decoders.
pub(crate) fn check<T>(value: &T, frozen: &[u8])
where
    T: codec::Encode + codec::Decode<()> + PartialEq + std::fmt::Debug,
{
    assert_eq!(codec::encode(value).unwrap(), frozen, "the bytes of {value:?} changed");
    assert_eq!(&codec::decode::<T>(frozen).unwrap(), value);
    // As a message it may have a tail. Where nothing may be ignored, one byte more is refused; one byte
    // less always is.
    let longer = [frozen, &[0]].concat();
    assert_eq!(&codec::decode_message::<T>(&longer).unwrap(), value);
    assert!(codec::decode::<T>(&longer).is_err());
    if !frozen.is_empty() {
        assert!(codec::decode_message::<T>(&frozen[..frozen.len() - 1]).is_err());
    }
}

/// `golden!(name, Type, value)`, with the bytes in `golden/NAME.hex`, or as a fourth argument.
macro_rules! golden {
    ($test:ident, $type:ty, $value:expr $(,)?) => {
        #[test]
        fn $test() {
            let (name, value): (&str, $type) = (stringify!($test), $value);
            $crate::golden::bless(name, &format!("{value:?}"), &$crate::codec::encode(&value).unwrap());
            let frozen = $crate::golden::frozen(name);
            $crate::golden::golden!(@ value, frozen, $type);
        }
    };
    ($test:ident, $type:ty, $value:expr, $bytes:literal $(,)?) => {
        #[test]
        fn $test() {
            let (value, frozen): ($type, _) = ($value, $crate::golden::from_hex($bytes));
            $crate::golden::golden!(@ value, frozen, $type);
        }
    };
    (@ $value:ident, $frozen:ident, $type:ty) => {{
        $crate::golden::check(&$value, &$frozen);
        let varint = wincode::config::Configuration::default().with_varint_encoding();
        let other: $type = wincode::config::deserialize_exact(&$frozen, varint).unwrap();
        assert_eq!(other, $value, "wincode reads it differently");
        assert_eq!(wincode::config::serialize(&$value, varint).unwrap(), $frozen);
    }};
}

pub(crate) use golden;

fn sample_stack() -> Stack {
    Stack { frames: vec![0x5555_5555_4000, 0x7fff_f7dd_0123, 1], end: StackEnd::Root }
}

fn sample_missing() -> Option<Unavailable> {
    Some(Unavailable { reason: "no robust list".into(), fix: "link glibc".into() })
}

fn sample_modules() -> Vec<Module> {
    vec![Module {
        path: "/usr/bin/shop".into(),
        build_id: vec![0xde, 0xad],
        start_avma: 0x5555_5555_4000,
        end_avma: 0x5555_5566_0000,
        bias: 0x5555_5555_4000,
        has_unwind_data: true,
    }]
}

fn sample_cpu() -> pprof_cpu::CpuSample {
    pprof_cpu::CpuSample { time_ns: 10_101_010, tid: 4711, weight: 3, stack: sample_stack() }
}

golden!(client_hello, hello::ClientHello, hello::ClientHello { protocol: 1, client: "rgops 0.1.0".into() });
fn sample_hello(protocol: u32) -> hello::AgentHello {
    let version = |version| move |command| hello::CommandVersion { command, version };
    let oldest = (1..=6).map(version(1)).collect();
    hello::AgentHello {
        protocol,
        agent: "0.1.0".into(),
        pid: 4711,
        start_time: 123_456_789,
        cookie: [7; 16],
        build_id: (0..20).collect(),
        name: "shop".into(),
        commands: (1..=6).map(version(1)).collect(),
        oldest: Tail::for_reader(protocol, oldest),
    }
}

/// The hello as protocol 1 has it: this is how its clients still read it, to the last byte.
#[derive(Debug, PartialEq, wincode::SchemaRead, wincode::SchemaWrite)]
struct FirstHello {
    protocol: u32,
    agent: String,
    pid: u32,
    start_time: u64,
    cookie: [u8; 16],
    build_id: Vec<u8>,
    name: String,
    commands: Vec<hello::CommandVersion>,
}

#[derive(Debug, PartialEq, wincode::SchemaRead, wincode::SchemaWrite)]
struct SecondHello {
    first: FirstHello,
    oldest: Vec<hello::CommandVersion>,
}

fn first_of(hello: hello::AgentHello) -> FirstHello {
    let hello::AgentHello { protocol, agent, pid, start_time, cookie, build_id, name, commands, oldest: _ } =
        hello;
    FirstHello { protocol, agent, pid, start_time, cookie, build_id, name, commands }
}

/// Both hellos by `wincode`, which skips nothing.
#[test]
fn agent_hello() {
    let varint = wincode::config::Configuration::default().with_varint_encoding();
    let first = frozen("agent_hello");
    check_hello(&sample_hello(1), &first);
    let strict: FirstHello = wincode::config::deserialize_exact(&first, varint).unwrap();
    assert_eq!(strict, first_of(sample_hello(1)));

    let second = sample_hello(2);
    bless("agent_hello_2", &format!("{second:?}"), &codec::encode(&second).unwrap());
    let bytes = frozen("agent_hello_2");
    check_hello(&second, &bytes);
    let strict: SecondHello = wincode::config::deserialize_exact(&bytes, varint).unwrap();
    assert_eq!(strict.oldest, *second.oldest.value().unwrap());
    assert_eq!(strict.first, first_of(second.clone()));
    // Its reader of protocol 1 would refuse it, so it is not sent to one.
    assert!(wincode::config::deserialize_exact::<FirstHello, _>(&bytes, varint).is_err());
    assert_eq!(codec::encode(&second.for_client(1)).unwrap(), first);
    assert_eq!(codec::encode(&second.for_client(0)).unwrap(), first);
    assert_eq!(second.for_client(99), second);
}

fn check_hello(value: &hello::AgentHello, frozen: &[u8]) {
    assert_eq!(codec::encode(value).unwrap(), frozen);
    assert_eq!(&codec::decode_message::<hello::AgentHello>(frozen).unwrap(), value);
    assert_eq!(value.versions(request::Command::Stack), Some(1..=1));
    assert_eq!(value.versions(request::Command::Tasks), None);
}

golden!(challenge, auth::Challenge, auth::Challenge { nonce: [1; 32] });
golden!(client_proof, auth::ClientProof, auth::ClientProof { nonce: [2; 32], mac: [3; 32] });
golden!(agent_proof, auth::AgentProof, auth::AgentProof { mac: [4; 32] });
golden!(
    error,
    error::Error,
    error::Error::new(error::Code::Busy, "cannot start pprof-cpu", "trace runs since 2 s", "try again")
);
golden!(request_envelope, Envelope, Envelope { command: 5, version: 1, body: vec![0xfb, 0x10, 0x27, 99] });
golden!(request_stack, request::StackRequest, request::StackRequest { max_depth: 512 });
golden!(request_memstats, request::MemstatsRequest, request::MemstatsRequest {});
golden!(request_stats, request::StatsRequest, request::StatsRequest { window_ms: 200 });
golden!(request_version, request::VersionRequest, request::VersionRequest {});
golden!(
    request_pprof_cpu,
    request::PprofCpuRequest,
    request::PprofCpuRequest { duration_ms: 30_000, hz: 99 }
);
golden!(
    request_trace,
    request::TraceRequest,
    request::TraceRequest { duration_ms: 5_000, hz: 99, interval_us: 5_000 }
);
golden!(progress, Progress, Progress { elapsed_ms: 1000, total_ms: 30_000, gathered: 99 });
golden!(
    end,
    End,
    End {
        notes: [
            NoteKind::Dropped,
            NoteKind::Truncated,
            NoteKind::Missing,
            NoteKind::Approximate,
            NoteKind::EndedEarly
        ]
        .into_iter()
        .map(|kind| Note { kind, what: "samples".into(), count: 300, why: "the ring was full".into() })
        .collect()
    }
);
golden!(stack_modules, stack::StackPart, stack::StackPart::Modules(sample_modules()));
golden!(
    stack_threads,
    stack::StackPart,
    stack::StackPart::Threads(vec![
        stack::ThreadStack {
            tid: 4711,
            name: "tokio-rt-worker".into(),
            state: 'S',
            cpu_ns: Known::Value(1_234_567_890),
            wchan: "futex_do_wait".into(),
            system_call: Known::Value(stack::SystemCall::Number {
                number: 202,
                first_argument: 0x7fff_0000_1000
            }),
            is_agent: false,
            current_task: Some(17),
            capture: stack::Capture::Signal { because: "it ran while its stack was read".into() },
            stack: sample_stack(),
        },
        stack::ThreadStack {
            tid: 4712,
            name: "größe".into(),
            state: 'D',
            cpu_ns: Known::unavailable("schedstat is not readable", ""),
            wchan: String::new(),
            system_call: Known::Value(stack::SystemCall::Running),
            is_agent: true,
            current_task: None,
            capture: stack::Capture::Failed { reason: "no answer in 500 ms (state D)".into() },
            stack: Stack { frames: vec![], end: StackEnd::NotCaptured },
        },
        stack::ThreadStack {
            tid: 4713,
            name: "q".into(),
            state: 'T',
            cpu_ns: Known::Value(0),
            wchan: String::new(),
            system_call: Known::Value(stack::SystemCall::NotInOne),
            is_agent: false,
            current_task: Some(0),
            capture: stack::Capture::Quiet,
            stack: Stack { frames: vec![1], end: StackEnd::DepthLimit },
        },
        stack::ThreadStack {
            tid: 4714,
            name: "o".into(),
            state: 'R',
            cpu_ns: Known::Value(0),
            wchan: String::new(),
            system_call: Known::unavailable("permission denied", "run the program without setuid"),
            is_agent: false,
            current_task: Some(u64::MAX),
            capture: stack::Capture::OwnThread,
            stack: Stack { frames: vec![250, 251], end: StackEnd::Lost },
        },
    ])
);
golden!(
    stack_summary,
    stack::StackPart,
    stack::StackPart::Summary(stack::StackSummary {
        unix_ns: 1_795_386_238_433_888_352,
        capture_ns: 1_500_000,
        threads: 1000,
        captured: 999,
        vanished: 1,
        current_tasks: sample_missing(),
    })
);
golden!(
    memstats,
    memstats::MemstatsReply,
    memstats::MemstatsReply {
        sections: vec![memstats::Section {
            name: "process".into(),
            fields: vec![
                memstats::Field {
                    name: "rss".into(),
                    unit: memstats::Unit::Bytes,
                    value: Known::Value(70_000),
                    source: "/proc/self/statm".into(),
                },
                memstats::Field {
                    name: "major-faults".into(),
                    unit: memstats::Unit::Count,
                    value: Known::unavailable("no /proc", "mount /proc"),
                    source: "/proc/self/stat".into(),
                },
            ],
        }],
    }
);
golden!(
    stats,
    stats::StatsReply,
    stats::StatsReply {
        uptime_ns: Known::Value(5_000_000_000),
        user_cpu_ns: Known::Value(1),
        system_cpu_ns: Known::Value(2),
        cpus_online: Known::Value(2),
        cpus_allowed: Known::Value(2),
        cpu_quota_milli: Known::Value(Some(1500)),
        throttled_periods: Known::unavailable("no cgroup", ""),
        threads: Known::Value(vec![stats::ThreadsInState { state: 'S', count: 9 }]),
        descriptors: Known::Value(12),
        descriptors_limit: Known::Value(1024),
        voluntary_switches: Known::Value(100),
        involuntary_switches: Known::Value(200),
        window_ns: 200_000_000,
        runtimes: vec![stats::RuntimeStats {
            name: "main".into(),
            flavor: "multi_thread".into(),
            workers: vec![stats::WorkerStats {
                parked: true,
                parks: 3,
                tokio_busy_ns: 10,
                busy_ns: Known::Value(200_000_000)
            }],
            alive_tasks: 1041,
            global_queue: 7,
            tasks: Known::Value(stats::TaskStates { running: 2, scheduled: 7, idle: 1031, complete: 1 }),
        }],
        thread_activity: vec![stats::ThreadActivity {
            tid: 4711,
            name: "main".into(),
            state: 'R',
            running_ns: Known::Value(199_000_000),
            runnable_ns: Known::Value(1_000_000),
            is_agent: false,
        }],
        agent: stats::AgentStats {
            uptime_ns: 4_000_000_000,
            address: "/run/user/0/rgops/4711-99.sock".into(),
            connections: 1,
            open_connections: 2,
            requests: 3,
            refused_users: 4,
            refused_tokens: 5,
            refused_limits: 6,
            malformed: 7,
            busy: 8,
            cancelled: 9,
            dropped: 10,
            cpu_ns: Known::Value(11),
            sent_bytes: 12,
        },
    }
);
golden!(
    version,
    version::VersionReply,
    version::VersionReply {
        program: Known::unavailable("not given", "Options::default().program(…)"),
        executable: Known::Value("shop".into()),
        build_id: vec![1, 2, 3],
        rustc: "rustc 1.95.0 (59807616e 2026-04-14)".into(),
        target: "x86_64-unknown-linux-gnu".into(),
        profile: "release".into(),
        opt_level: "3".into(),
        debug_assertions: false,
        panic: "unwind".into(),
        comment: Known::Value(vec!["GCC: (Debian 12.2.0-14+deb12u1) 12.2.0".into()]),
        sections: Known::Value(vec![".text".into()]),
        symbols: Known::Value(vec!["_ZN4main17h0123456789abcdefE".into()]),
        auditable: vec![0x78, 0x9c],
        tokio: Known::Value("1.54.1".into()),
        allocator: Known::Value("glibc".into()),
        agent: "0.1.0".into(),
        protocol: 1,
        features: vec!["jemalloc".into()],
    }
);
golden!(
    pprof_cpu_start,
    pprof_cpu::PprofCpuPart,
    pprof_cpu::PprofCpuPart::Start(pprof_cpu::CpuStart {
        unix_ns: 1_795_386_238_433_888_352,
        period_ns: 10_101_010,
        engine: "native".into(),
        fallback: String::new()
    })
);
golden!(pprof_cpu_modules, pprof_cpu::PprofCpuPart, pprof_cpu::PprofCpuPart::Modules(sample_modules()));
golden!(pprof_cpu_samples, pprof_cpu::PprofCpuPart, pprof_cpu::PprofCpuPart::Samples(vec![sample_cpu()]));
golden!(
    pprof_cpu_totals,
    pprof_cpu::PprofCpuPart,
    pprof_cpu::PprofCpuPart::Totals(pprof_cpu::CpuTotals {
        duration_ns: 30_000_000_000,
        process_cpu_ns: 1_000_000_000,
        agent_cpu_ns: 1_000_000,
        unsampled_cpu_ns: 5,
        late_cpu_ns: 6,
        threads: vec![pprof_cpu::CpuThread {
            tid: 1,
            name: "main".into(),
            cpu_ns: 2,
            weight: 3,
            ended: true
        }],
        samples: 1,
        weight: 2,
        dropped_ring: 3,
        dropped_cache: 4,
        truncated: 5,
        lost_walks: 6,
        foreign_signals: 7,
        timer_failures: 8,
    })
);
golden!(
    trace_start,
    trace::TracePart,
    trace::TracePart::Start(trace::TraceStart {
        unix_ns: 1,
        monotonic_ns: 2,
        pid: 3,
        interval_ns: 5_000_000,
        period_ns: 0,
        no_samples: "another profile runs".into(),
        runtimes: vec!["main".into()],
    })
);
golden!(
    trace_threads,
    trace::TracePart,
    trace::TracePart::Threads(vec![trace::TraceThread {
        tid: 1,
        name: "main".into(),
        is_agent: false,
        first_ns: 0
    }])
);
golden!(trace_modules, trace::TracePart, trace::TracePart::Modules(vec![]));
golden!(
    trace_activity,
    trace::TracePart,
    trace::TracePart::Activity(vec![trace::ThreadPoint {
        time_ns: 1,
        tid: 2,
        running_ns: 3,
        runnable_ns: 4,
        state: 'S',
        system_call: Known::Value(stack::SystemCall::Number { number: 0, first_argument: 5 }),
        descriptor: "socket".into(),
        wchan: String::new(),
    }])
);
golden!(trace_samples, trace::TracePart, trace::TracePart::Samples(vec![sample_cpu()]));
golden!(
    trace_runtimes,
    trace::TracePart,
    trace::TracePart::Runtimes(vec![trace::RuntimePoint {
        time_ns: 1,
        runtime: 0,
        alive_tasks: 2,
        global_queue: 3,
        parked: 4,
        workers: 5,
        busy_ns: 6,
    }])
);
golden!(
    trace_totals,
    trace::TracePart,
    trace::TracePart::Totals(trace::TraceTotals {
        duration_ns: 1,
        readings: 2,
        late_readings: 3,
        process_cpu_ns: 4,
        agent_cpu_ns: 5,
        samples: 6,
        dropped_weight: 7,
    })
);

golden!(
    request_schedtrace,
    request::SchedtraceRequest,
    request::SchedtraceRequest {
        interval_ms: 1000,
        count: 0,
        ranges: vec![request::MemoryRange { avma: 0x7f00_0000_1000, length: 8 }],
    }
);
golden!(
    schedtrace_runtimes,
    schedtrace::SchedtracePart,
    schedtrace::SchedtracePart::Runtimes(vec![schedtrace::SchedtraceRuntime {
        name: "main".into(),
        kind: tasks::RuntimeKind::MultiThread,
        handle_words: vec![1, 0x7f00_0000_0010],
    }])
);
golden!(
    schedtrace_moment,
    schedtrace::SchedtracePart,
    schedtrace::SchedtracePart::Moment(schedtrace::SchedtraceMoment {
        time_ns: 1_004_000_000,
        interval_ns: 1_000_000_000,
        threads: Known::Value(9),
        runtimes: vec![
            schedtrace::RuntimeMoment {
                workers: vec![schedtrace::WorkerMoment {
                    parked: true,
                    parks: 3,
                    busy_ns: Known::Value(120_000_000),
                }],
                alive_tasks: 1041,
                global_queue: 2,
                unstable: Known::unavailable("stable Tokio", ""),
            },
            schedtrace::RuntimeMoment {
                workers: vec![],
                alive_tasks: 0,
                global_queue: 0,
                unstable: Known::Value(schedtrace::UnstableMoment {
                    blocking_threads: 3,
                    idle_blocking_threads: 1,
                    blocking_queue: 0,
                    local_queues: vec![0, 1],
                    polls: vec![7, 8],
                }),
            },
        ],
        memory: Known::Value(vec![Some(vec![1, 2, 3]), None]),
    })
);

golden!(
    request_tasks,
    request::TasksRequest,
    request::TasksRequest { max_cell_bytes: 65_536, max_depth: 512 }
);
golden!(
    request_read,
    request::ReadRequest,
    request::ReadRequest {
        ranges: vec![
            request::MemoryRange { avma: 0x7fff_0000_1000, length: 64 },
            request::MemoryRange { avma: 8, length: 0 }
        ]
    }
);
golden!(tasks_modules, tasks::TasksPart, tasks::TasksPart::Modules(sample_modules()));
golden!(
    tasks_runtime,
    tasks::TasksPart,
    tasks::TasksPart::Runtime(tasks::TaskRuntime {
        index: 1,
        name: "main".into(),
        kind: tasks::RuntimeKind::MultiThread,
        workers: 8,
        handle_words: vec![1, 0x7f00_0000_1000],
        alive_tasks: Known::Value(1041),
        list: Known::Value(tasks::TaskList { shards: 32, incomplete_shards: 1, listed: 1040 }),
    })
);
golden!(
    tasks_runtime_unlisted,
    tasks::TasksPart,
    tasks::TasksPart::Runtime(tasks::TaskRuntime {
        index: 0,
        name: "local".into(),
        kind: tasks::RuntimeKind::LocalSet,
        workers: 1,
        handle_words: vec![],
        alive_tasks: Known::unavailable("a LocalSet counts none", ""),
        list: Known::unavailable("the runtime is shut down", ""),
    })
);
golden!(
    tasks_vtables,
    tasks::TasksPart,
    tasks::TasksPart::Vtables(vec![tasks::TaskVtable {
        avma: 0x5555_5560_0000,
        poll_avma: 0x5555_5555_4000,
        id_offset: 40,
        trailer_offset: 304,
    }])
);
golden!(
    tasks_cells,
    tasks::TasksPart,
    tasks::TasksPart::Tasks(
        [
            tasks::CellBytes::Read(vec![1, 2, 3]),
            tasks::CellBytes::NotRead,
            tasks::CellBytes::Moved,
            tasks::CellBytes::Unreadable
        ]
        .into_iter()
        .map(|bytes| tasks::TaskCell {
            runtime: 1,
            id: 300,
            header_avma: 0x7f00_0000_2080,
            vtable: 0,
            state: 0xcc,
            bytes
        })
        .collect()
    )
);
golden!(
    tasks_threads,
    tasks::TasksPart,
    tasks::TasksPart::Threads(vec![tasks::TaskThread {
        stack: stack::ThreadStack {
            tid: 4713,
            name: "tokio-rt-worker".into(),
            state: 'R',
            cpu_ns: Known::Value(0),
            wchan: String::new(),
            system_call: Known::Value(stack::SystemCall::Running),
            is_agent: false,
            current_task: Some(300),
            capture: stack::Capture::Quiet,
            stack: sample_stack(),
        },
        current_task_avma: Some(0x7f00_0000_3000),
    }])
);
golden!(
    tasks_summary,
    tasks::TasksPart,
    tasks::TasksPart::Summary(tasks::TasksSummary {
        unix_ns: 1_795_386_238_433_888_352,
        list_ns: 2_000_000,
        capture_ns: Known::Value(1_500_000),
        current_tasks: sample_missing(),
        anchors: 32,
        memory: sample_missing(),
    })
);
golden!(
    read,
    crate::reply::read::ReadPart,
    crate::reply::read::ReadPart { ranges: vec![Some(vec![1, 2]), None, Some(vec![])] }
);

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
golden!(request_gc, request::GcRequest, request::GcRequest {});
golden!(request_heap_rate, request::HeapRateRequest, request::HeapRateRequest { set_bytes: Some(524_288) });
golden!(request_heap_rate_asked, request::HeapRateRequest, request::HeapRateRequest { set_bytes: None });
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
golden!(
    gc,
    gc::GcReply,
    gc::GcReply {
        allocators: vec![gc::Released {
            allocator: "glibc".into(),
            called: Known::Value("malloc_trim(0)".into()),
            took_ns: 1_000_000,
            rss_before_bytes: Known::Value(70_000_000),
            rss_after_bytes: Known::unavailable("no /proc", "mount /proc"),
            before: vec![memstats::Field {
                name: "heap-idle".into(),
                unit: memstats::Unit::Bytes,
                value: Known::Value(50_000_000),
                source: "mallinfo2().fordblks".into(),
            }],
            after: vec![],
        }],
    }
);
golden!(
    heap_rate,
    heap_rate::HeapRateReply,
    heap_rate::HeapRateReply { before_bytes: 0, now_bytes: 65_536, default_bytes: 524_288 }
);

/// What an agent of another age may send is refused with the command and version at fault.
#[test]
fn unknown_commands_and_versions_are_told_apart() {
    use crate::request::{Command, Request, RequestError};
    let newer = Envelope { command: Command::PprofCpu as u16, version: 2, body: vec![1, 2, 3] };
    assert_eq!(
        Request::from_envelope(&newer),
        Err(RequestError::UnknownVersion { command: Command::PprofCpu, version: 2 })
    );
    let unknown = Envelope { command: 77, version: 1, body: vec![] };
    assert_eq!(Request::from_envelope(&unknown), Err(RequestError::UnknownCommand(77)));
    let malformed = Envelope { command: Command::PprofCpu as u16, version: 1, body: vec![0xff] };
    assert!(matches!(Request::from_envelope(&malformed), Err(RequestError::Body(_))));
}
