//! Messages about threads: `stack`, `pprof-cpu` and `trace`.

use super::golden;
use super::samples::{sample_cpu, sample_missing, sample_modules, sample_stack};
use crate::reply::{Known, Stack, StackEnd, pprof_cpu, stack, trace};
use crate::request;

golden!(request_stack, request::StackRequest, request::StackRequest { max_depth: 512 });
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
    request_pprof_cpu,
    request::PprofCpuRequest,
    request::PprofCpuRequest { duration_ms: 30_000, hz: 99 }
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
    request_trace,
    request::TraceRequest,
    request::TraceRequest { duration_ms: 5_000, hz: 99, interval_us: 5_000 }
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
