//! `schedtrace`: its request and its parts.

use super::golden;
use crate::reply::{Known, schedtrace, tasks};
use crate::request;

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
