//! `stats`: its request and its parts.

use super::golden;
use crate::reply::{Known, stats};
use crate::request;
use crate::tail::Tail;

golden!(request_stats, request::StatsRequest, request::StatsRequest { window_ms: 200 });
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
            denied: Tail::absent(),
        },
        totals: Tail::absent(),
    },
    tail: |reply| {
        reply.agent.denied = Tail::for_reader(2, 300);
        let workers = vec![stats::WorkerTotals { parks: 1_000, busy_ns: 70_000 }];
        reply.totals = Tail::for_reader(2, vec![stats::RuntimeTotals { workers }]);
    },
);
