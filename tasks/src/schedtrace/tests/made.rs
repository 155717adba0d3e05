//! Runtimes and samples in the form that an agent sends.

use rgops_protocol::reply::Known;
use rgops_protocol::reply::schedtrace::{
    RuntimeMoment, SchedtraceMoment, SchedtraceRuntime, UnstableMoment, WorkerMoment,
};
use rgops_protocol::reply::tasks::RuntimeKind;

pub(crate) fn runtime(name: &str) -> SchedtraceRuntime {
    SchedtraceRuntime { name: name.to_owned(), kind: RuntimeKind::MultiThread, handle_words: vec![1, 2] }
}

/// A sample of runtimes with this many workers, all parked.
pub(crate) fn moment(runtimes: usize, workers: usize, busy_ns: &Known<u64>) -> SchedtraceMoment {
    let worker = WorkerMoment { parked: true, parks: 1, busy_ns: busy_ns.clone() };
    let runtime = RuntimeMoment {
        workers: vec![worker; workers],
        alive_tasks: 1,
        global_queue: 0,
        unstable: Known::<UnstableMoment>::unavailable("not built with it", "build with it"),
    };
    SchedtraceMoment {
        time_ns: 1_000_000,
        interval_ns: 1_000_000,
        threads: Known::Value(1),
        runtimes: vec![runtime; runtimes],
        memory: Known::unavailable("not requested", ""),
    }
}
