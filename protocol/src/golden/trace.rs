//! `trace`: its request and its parts.

use super::golden;
use super::samples::sample_cpu;
use crate::reply::{Known, stack, trace};
use crate::request;
use crate::tail::Tail;

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
        resolution: Tail::absent(),
    }),
    tail: |part| {
        if let trace::TracePart::Totals(totals) = part {
            let (active_threads, active_ns) = (12, 5_000_000);
            let (idle_threads, idle_ns) = (490, 200_000_000);
            let resolution = trace::TraceResolution { active_threads, active_ns, idle_threads, idle_ns };
            totals.resolution = Tail::for_reader(2, resolution);
        }
    },
);
