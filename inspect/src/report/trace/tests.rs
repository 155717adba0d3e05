//! Reports of a synthetic trace.
#![expect(clippy::unwrap_used, reason = "tests")]

use rgops_protocol::reply::stack::SystemCall;
use rgops_protocol::reply::trace::{
    RuntimePoint, ThreadPoint, TracePart, TraceResolution, TraceStart, TraceThread, TraceTotals,
};
use rgops_protocol::reply::{End, Known};
use rgops_protocol::tail::Tail;

use super::*;
use crate::budget::{self, Budget, Exhausted};
use crate::made::hello;
use crate::trace::{Kind, Process, Recorder};

const MS: u64 = 1_000_000;

fn point(tid: u32, time_ns: u64, running_ns: u64, state: char) -> ThreadPoint {
    let system_call = match state {
        'R' => SystemCall::Running,
        _ => SystemCall::NotInOne,
    };
    let (runnable_ns, wchan) = (0, "futex_do_wait".into());
    let (system_call, descriptor) = (Known::Value(system_call), String::new());
    ThreadPoint { time_ns, tid, running_ns, runnable_ns, state, system_call, descriptor, wchan }
}

/// One thread that runs for a second, and `blocked` threads that wait for it.
fn trace(blocked: u32) -> Recorder<Vec<u8>> {
    trace_within(budget::standard(), blocked)
}

fn trace_within(budget: Budget, blocked: u32) -> Recorder<Vec<u8>> {
    let mut trace = Recorder::new(Vec::new(), Process { name: "shop".into(), budget, ..Process::default() });
    let thread = |tid, name: &str| TraceThread { tid, name: name.into(), is_agent: false, first_ns: 0 };
    let runtime = |time_ns, busy_ns| RuntimePoint {
        time_ns,
        runtime: 0,
        alive_tasks: 9,
        global_queue: 2,
        parked: 1,
        workers: 2,
        busy_ns,
    };
    let parts = [
        TracePart::Start(TraceStart {
            unix_ns: 1,
            monotonic_ns: 7,
            pid: 4711,
            interval_ns: 5 * MS,
            period_ns: 0,
            no_samples: "none were requested".into(),
            runtimes: vec!["main".into()],
        }),
        TracePart::Threads(vec![thread(1, "spin\x1b[2Jner")]),
        TracePart::Threads((2..2 + blocked).map(|tid| thread(tid, "waiter")).collect()),
        TracePart::Activity(vec![point(1, 0, 50, 'R'), point(1, 1000 * MS, 50 + 990 * MS, 'R')]),
        TracePart::Activity(
            (2..2 + blocked).flat_map(|tid| [point(tid, 0, 0, 'S'), point(tid, 1000 * MS, 0, 'S')]).collect(),
        ),
        TracePart::Runtimes(vec![runtime(0, 5), runtime(1000 * MS, 5 + 500 * MS)]),
        TracePart::Totals(TraceTotals {
            duration_ns: 1000 * MS,
            readings: 200,
            late_readings: 0,
            process_cpu_ns: 990 * MS,
            agent_cpu_ns: 10 * MS,
            samples: 0,
            dropped_weight: 0,
            resolution: Tail::for_reader(
                2,
                TraceResolution {
                    active_threads: 12,
                    active_ns: 5_000_000,
                    idle_threads: 490,
                    idle_ns: 200_000_000,
                },
            ),
        }),
    ];
    for part in parts {
        trace.add(part).unwrap();
    }
    trace.finish().unwrap();
    trace
}

#[test]
fn the_busiest_come_first_and_names_cannot_control_the_terminal() {
    let text = render(&trace(1), false);
    let expected = "\
resolution 5ms for active threads (12), 200ms for idle ones (490)
thread              tid     seen running runnable  futex network   poll   file sleeping  other unknown
spin\\x1b[2Jner        1       1s   99.0%        -      -       -      -      -        -      -    1.0%
waiter                2       1s       -        - 100.0%       -      -      -        -      -       -
runtime main: 2 workers, busy 25.0%, at most 9 tasks alive and 2 in the global queue
window 1s, 200 readings; no CPU samples: none were requested; 990ms of the process's 990ms CPU seen; tracing cost 1.0% of one CPU
";
    assert_eq!(text, expected, "\n{text}");
}

#[test]
fn the_list_of_threads_is_limited_unless_all_are_requested() {
    let trace = trace(50);
    let short = render(&trace, false);
    assert_eq!(short.matches("waiter").count(), 19);
    assert!(short.contains("and 31 more threads that ran less: --all shows them"), "{short}");
    assert_eq!(render(&trace, true).matches("waiter").count(), 50);
}

#[test]
fn the_json_contract_sums_up() {
    let trace = trace(1);
    let json = JsonTrace::document(&hello(), Some("a.perfetto-trace"), &trace, Ok(&End::default()));
    let json = serde_json::to_value(&json).unwrap();
    assert_eq!(json["schema"], "rgops.trace/1");
    assert_eq!(json["threads"][0]["running_ns"], 990 * MS);
    assert_eq!(json["threads"][1]["futex_ns"], 1000 * MS);
    for thread in json["threads"].as_array().unwrap() {
        let of_kind = |kind: &Kind| thread[format!("{}_ns", kind.name())].as_u64().unwrap();
        assert_eq!(thread["life_ns"], Kind::ALL.iter().map(of_kind).sum::<u64>());
    }
    assert_eq!(json["runtimes"][0]["busy_ns"], 500 * MS);
    assert_eq!(json["no_samples"], "none were requested");
    assert_eq!(json["resolution"]["idle_ns"], 200 * MS);
    assert!(json.get("broken_off").is_none());
}

#[test]
fn the_summary_ends_at_the_budget_with_a_note() {
    let budget = Budget::new(16 << 20);
    let trace = trace_within(budget.clone(), 2_000);
    assert!(trace.exhausted().is_none());
    assert!(screen(&trace, true).cut().is_none());
    let small = Budget::new(20_000);
    let mut other = trace_within(Budget::new(16 << 20), 2_000);
    other.set_budget(small);
    let shown = screen(&other, true);
    assert_eq!(shown.cut(), Some(Exhausted::Memory(20_000)));
    assert!(shown.as_str().ends_with("or --timeout\n") && shown.as_str().len() < 20_000);
    let json = JsonTrace::document(&hello(), None, &other, Ok(&End::default()));
    assert_eq!(json.cut(), Some(Exhausted::Memory(20_000)));
    let json = serde_json::to_value(json).unwrap();
    assert!(json["threads"].as_array().unwrap().len() < 100);
    assert!(json["broken_off"].as_str().unwrap().starts_with("the rest is left out: "));
}
