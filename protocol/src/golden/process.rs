//! Messages about the whole process: `memstats`, `stats`, `version` and `gc`.

use super::golden;
use crate::reply::{Known, gc, memstats, stats, version};
use crate::request;

golden!(request_memstats, request::MemstatsRequest, request::MemstatsRequest {});
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
        },
    }
);
golden!(request_version, request::VersionRequest, request::VersionRequest {});
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
golden!(request_gc, request::GcRequest, request::GcRequest {});
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
