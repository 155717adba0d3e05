//! The elements that hostile answers are made of: stacks, threads, tasks, counters.

use rgops_protocol::reply::pprof_cpu::{CpuSample, CpuStart, CpuThread, CpuTotals, PprofCpuPart};
use rgops_protocol::reply::pprof_heap::{
    Estimate, ExactCounters, HeapCounters, HeapSource, HeapStart, LiveBlock, PprofHeapPart,
};
use rgops_protocol::reply::schedtrace::{RuntimeMoment, SchedtraceMoment, SchedtraceRuntime, WorkerMoment};
use rgops_protocol::reply::stack::{Capture, SystemCall, ThreadStack};
use rgops_protocol::reply::stats::{
    AgentStats, RuntimeStats, RuntimeTotals, StatsReply, TaskStates, ThreadActivity, ThreadsInState,
    WorkerStats, WorkerTotals,
};
use rgops_protocol::reply::tasks::{CellBytes, RuntimeKind, TaskCell, TaskList, TaskRuntime};
use rgops_protocol::reply::trace::{RuntimePoint, ThreadPoint, TracePart, TraceStart};
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::reply::words::{FoundWord, SearchedStack, ThreadWords};
use rgops_protocol::reply::{Known, Module, Stack, StackEnd, Unavailable};
use rgops_protocol::tail::Tail;

/// Makes one text of an answer.
pub(super) type Text<'t> = &'t dyn Fn() -> String;

/// A module that covers all addresses.
pub(super) fn everything(text: Text<'_>) -> Module {
    Module {
        path: format!("/{}", text()),
        build_id: vec![7; 20],
        start_avma: 0,
        end_avma: u64::MAX,
        bias: 0,
        has_unwind_data: true,
    }
}

pub(super) fn unavailable(text: Text<'_>) -> Unavailable {
    Unavailable { reason: text(), fix: text() }
}

pub(super) fn missing<T>(text: Text<'_>) -> Known<T> {
    Known::Unavailable(unavailable(text))
}

pub(super) fn stack(frames: Vec<u64>) -> Stack {
    Stack { frames, end: StackEnd::Lost }
}

pub(super) fn sample(time_ns: u64, tid: u32, frames: Vec<u64>) -> CpuSample {
    CpuSample { time_ns, tid, weight: tid, stack: stack(frames) }
}

/// Every word in many places of a thread's stack.
pub(super) fn words(tid: u32, number: u64, small: u32) -> ThreadWords {
    let found = (0..1000).map(|word| FoundWord { avma: number, word }).collect();
    ThreadWords {
        tid,
        stack: Known::Value(SearchedStack { sp: number, bytes: small, cpu_ns: number, found }),
    }
}

pub(super) fn thread(text: Text<'_>, tid: u32, frames: Vec<u64>) -> ThreadStack {
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

pub(super) fn cell(number: u64, vtable: u32) -> TaskCell {
    TaskCell {
        runtime: vtable,
        id: number,
        header_avma: number,
        vtable,
        state: number & !3,
        bytes: CellBytes::NotRead,
    }
}

pub(super) fn runtime(text: Text<'_>) -> TaskRuntime {
    TaskRuntime {
        index: 0,
        name: text(),
        kind: RuntimeKind::MultiThread,
        workers: u32::MAX,
        handle_words: vec![1, u64::MAX],
        alive_tasks: missing(text),
        list: Known::Value(TaskList { shards: u32::MAX, incomplete_shards: 1, listed: u32::MAX }),
        found_on: Tail::for_reader(2, u32::MAX),
    }
}

pub(super) fn cpu_start(text: Text<'_>) -> PprofCpuPart {
    PprofCpuPart::Start(CpuStart { unix_ns: u64::MAX, period_ns: u64::MAX, engine: text(), fallback: text() })
}

pub(super) fn cpu_totals(text: Text<'_>, number: u64) -> CpuTotals {
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

pub(super) fn heap_start(text: Text<'_>) -> PprofHeapPart {
    PprofHeapPart::Start(HeapStart {
        unix_ns: u64::MAX,
        source: HeapSource::Wrapper,
        allocator: text(),
        mean_bytes: u64::MAX,
        since_unix_ns: Some(u64::MAX),
    })
}

pub(super) fn estimate(number: u64) -> Estimate {
    Estimate {
        samples: number,
        objects_milli: number,
        bytes: number,
        objects_variance: number,
        bytes_variance: number,
    }
}

pub(super) fn block(number: u64) -> LiveBlock {
    LiveBlock { stack: 1, size_bytes: number, mean_bytes: number, age_ns: number }
}

pub(super) fn counters(number: u64) -> HeapCounters {
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

pub(super) fn trace_start(text: Text<'_>) -> TracePart {
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

pub(super) fn point(text: Text<'_>, number: u64) -> ThreadPoint {
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

pub(super) fn runtime_point(time_ns: u64, number: u64, small: u32) -> RuntimePoint {
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

pub(super) fn sched_runtime(text: Text<'_>) -> SchedtraceRuntime {
    SchedtraceRuntime { name: text(), kind: RuntimeKind::MultiThread, handle_words: vec![1, u64::MAX] }
}

pub(super) fn moment(text: Text<'_>, number: u64, workers: usize) -> SchedtraceMoment {
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

pub(super) fn stats(text: Text<'_>, number: u64, small: u32) -> StatsReply {
    let worker =
        WorkerStats { parked: false, parks: 0, tokio_busy_ns: number, busy_ns: Known::Value(number) };
    let totals = WorkerTotals { parks: number, busy_ns: number };
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
            denied: Tail::for_reader(2, number),
        },
        totals: Tail::for_reader(2, vec![RuntimeTotals { workers: vec![totals; 3] }]),
    }
}

pub(super) fn version(text: Text<'_>) -> VersionReply {
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
