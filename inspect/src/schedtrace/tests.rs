//! Runtimes with more workers than are shown.

use rgops_protocol::reply::Known;
use rgops_protocol::reply::schedtrace::{
    RuntimeMoment, SchedtraceMoment, SchedtraceRuntime, UnstableMoment, WorkerMoment,
};
use rgops_protocol::reply::tasks::RuntimeKind;
use rgops_tasks::schedtrace::{Hidden, RuntimeLine, Source};

use crate::report::known::JsonProcess;
use crate::report::schedtrace::{JsonSchedtrace, missing, render};

/// A sample of one runtime with this many workers, all parked.
pub(crate) fn line(workers: usize) -> RuntimeLine {
    let runtime = SchedtraceRuntime {
        name: "main".to_owned(),
        kind: RuntimeKind::MultiThread,
        handle_words: Vec::new(),
    };
    let worker = WorkerMoment { parked: true, parks: 1, busy_ns: Known::Value(0) };
    let numbers = RuntimeMoment {
        workers: vec![worker; workers],
        alive_tasks: 1,
        global_queue: 0,
        unstable: Known::<UnstableMoment>::unavailable("not built with it", "build with it"),
    };
    let moment = SchedtraceMoment {
        time_ns: 1_000_000,
        interval_ns: 1_000_000,
        threads: Known::Value(1),
        runtimes: vec![numbers],
        memory: Known::unavailable("not requested", ""),
    };
    let not_read = || Known::unavailable("not read", "");
    let hidden = Hidden {
        searching: not_read(),
        blocking_threads: not_read(),
        idle_blocking_threads: not_read(),
        blocking_queue: not_read(),
        local_queues: Known::Value(vec![3; workers]),
        source: Source::Memory,
    };
    RuntimeLine::of_moment(&[runtime], &moment, vec![hidden]).remove(0)
}

#[test]
fn workers_beyond_the_limit_are_counted() {
    let line = &line(100_000);
    let text = render(line);
    assert!(text.starts_with("SCHED 1ms: runtime=main workers=100000 idleworkers=100000 "), "{text:.80}");
    let said = "runtime main: 4096 of 100000 workers shown".to_owned();
    assert!(missing(line).contains(&said), "{:?}", missing(line));
    let json =
        serde_json::to_value(JsonSchedtrace::document(JsonProcess { pid: 1, name: "shop".into() }, line));
    assert_eq!(json.unwrap_or_default()["workers_left_out"], 95_904);
}
