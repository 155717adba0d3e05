//! The screen and the JSON of a program with two stuck workers.

#![expect(clippy::unwrap_used, reason = "tests")]

use rgops_protocol::reply::stats::{
    AgentStats, RuntimeStats, StatsReply, TaskStates, ThreadActivity, ThreadsInState, WorkerStats,
};
use rgops_protocol::reply::{End, Known};
use rgops_protocol::tail::Tail;

use super::*;
use crate::made::hello;

const WINDOW: u64 = 200_000_000;

fn worker(parked: bool, parks: u64, busy_percent: u64) -> WorkerStats {
    WorkerStats { parked, parks, tokio_busy_ns: 0, busy_ns: Known::Value(WINDOW / 100 * busy_percent) }
}

fn thread(tid: u32, name: &str, running: u64, runnable: u64) -> ThreadActivity {
    ThreadActivity {
        tid,
        name: name.into(),
        state: if running > 0 { 'R' } else { 'S' },
        running_ns: Known::Value(WINDOW / 100 * running),
        runnable_ns: Known::Value(WINDOW / 100 * runnable),
        is_agent: name == "rgops",
    }
}

fn reply() -> StatsReply {
    StatsReply {
        uptime_ns: Known::Value(10_000_000_000),
        user_cpu_ns: Known::Value(1_100_000_000),
        system_cpu_ns: Known::Value(150_000_000),
        cpus_online: Known::Value(8),
        cpus_allowed: Known::Value(4),
        cpu_quota_milli: Known::Value(Some(1500)),
        throttled_periods: Known::Value(3),
        threads: Known::Value(vec![
            ThreadsInState { state: 'R', count: 2 },
            ThreadsInState { state: 'S', count: 4 },
        ]),
        descriptors: Known::Value(12),
        descriptors_limit: Known::Value(1024),
        voluntary_switches: Known::Value(100),
        involuntary_switches: Known::Value(7),
        window_ns: WINDOW,
        runtimes: vec![
            RuntimeStats {
                name: "main".into(),
                flavor: "multi_thread".into(),
                workers: vec![
                    worker(false, 0, 100),
                    worker(true, 0, 0),
                    worker(true, 9, 3),
                    worker(false, 0, 100),
                ],
                alive_tasks: 12,
                global_queue: 7,
                tasks: Known::Value(TaskStates { running: 2, scheduled: 7, idle: 3, complete: 0 }),
            },
            RuntimeStats {
                name: "jobs".into(),
                flavor: "current_thread".into(),
                workers: vec![WorkerStats {
                    busy_ns: Known::unavailable("nothing moved", "rgops stack shows why"),
                    ..worker(false, 0, 0)
                }],
                alive_tasks: 1,
                global_queue: 0,
                tasks: Known::unavailable("process_vm_readv is denied", "allow it"),
            },
            RuntimeStats {
                name: "old".into(),
                flavor: "multi_thread".into(),
                workers: vec![],
                alive_tasks: 0,
                global_queue: 0,
                tasks: Known::unavailable("the runtime was shut down", ""),
            },
        ],
        thread_activity: vec![
            thread(1, "main", 0, 0),
            thread(2, "tokio-rt-worker", 62, 37),
            thread(3, "evil\x1b[2J", 0, 0),
            thread(5, "tokio-rt-worker", 100, 0),
            thread(6, "rgops", 1, 0),
        ],
        agent: AgentStats {
            uptime_ns: 9_000_000_000,
            address: "/run/user/0/rgops/4711-99.sock".into(),
            connections: 3,
            open_connections: 1,
            requests: 2,
            refused_users: 1,
            refused_tokens: 0,
            refused_limits: 0,
            malformed: 0,
            busy: 0,
            cancelled: 0,
            dropped: 0,
            cpu_ns: Known::Value(4_000_000),
            sent_bytes: 1000,
            denied: Tail::for_reader(2, 2),
        },
        totals: Tail::absent(),
    }
}

#[test]
fn the_screen_shows_stuck_workers_and_busy_threads() {
    let expected = "\
uptime: 10s
cpu time: 1.25s (user 1.1s, system 150ms), 12.5% of one CPU since start
num CPU: 4 of 8
cpu quota: 1.50 CPUs, throttled in 3 periods
OS threads: 6 (2 running, 4 sleeping)
open files: 12 of 1024
context switches: 100 voluntary, 7 involuntary

runtime main (multi_thread): 4 workers, 2 parked, 12 tasks, global queue 7, busy [ 100% 0% 3% 100% ]
  tasks: 2 running, 7 scheduled, 3 idle
  workers 0, 3 never parked in 200ms (to see what runs there: rgops stack 4711)
runtime jobs (current_thread): 1 worker, 0 parked, 1 task, global queue 0, busy [ ? ]
  tasks: unavailable (process_vm_readv is denied; fix: allow it)
  busy ?: unavailable (nothing moved; fix: rgops stack shows why)
runtime old (multi_thread): shut down

     tid  thread           running  runnable  state
       5  tokio-rt-worker     100%        0%  running
       2  tokio-rt-worker      62%       37%  running
       6  rgops                 1%        0%  running (the agent)
          and 2 more threads in 200ms, none used a CPU (--all lists them)

agent: /run/user/0/rgops/4711-99.sock, up 9s, cpu 4ms, 2 requests, 1 connection open now
agent refused: 1 other users, 0 tokens, 0 limits, 0 malformed, 0 busy, 2 denied commands; cancelled 0; dropped 0
";
    assert_eq!(render(&reply(), "4711", false), expected);
}

#[test]
fn all_threads_are_listed_on_request_and_names_cannot_control_the_terminal() {
    let text = render(&reply(), "4711", true);
    assert!(text.contains("evil\\x1b[2J") && !text.contains('\x1b') && !text.contains("--all"), "{text}");
}

#[test]
fn the_json_keeps_every_number_and_reason() {
    let json = serde_json::to_value(JsonStats::document(&hello(), &reply(), &End::default())).unwrap();
    assert_eq!(json["schema"], "rgops.stats/1");
    assert_eq!(json["runtimes"][0]["workers"][0]["busy_ns"], WINDOW);
    assert_eq!(json["runtimes"][0]["tasks_by_state"]["scheduled"], 7);
    assert_eq!(json["runtimes"][1]["tasks_by_state"]["fix"], "allow it");
    assert_eq!(json["runtimes"][1]["workers"][0]["busy_ns"]["unavailable"], "nothing moved");
    assert_eq!(json["runtimes"][2]["shut_down"], true);
    assert_eq!(json["threads_by_state"][0]["state"], "R");
    assert_eq!(json["cpu_quota_milli"], 1500);
    let mut unlimited = reply();
    unlimited.cpu_quota_milli = Known::Value(None);
    let json = serde_json::to_value(JsonStats::document(&hello(), &unlimited, &End::default())).unwrap();
    assert!(json["cpu_quota_milli"].is_null());
}

#[test]
fn many_threads_are_grouped_with_sums_and_each_is_listed_on_request() {
    let mut many = reply();
    let more = (100..590).map(|tid| thread(tid, &format!("pool-{tid}"), u64::from(tid == 100) * 2, 0));
    many.thread_activity.extend(more);
    let text = render(&many, "4711", false);
    let rows: Vec<&str> = text.lines().skip_while(|line| !line.contains("tid")).collect();
    assert_eq!(rows[1], "          tokio-rt-worker ×2     162%       37%  2 running", "{text}");
    assert_eq!(rows[2], "          pool-* ×490              2%        0%  1 running, 489 sleeping", "{text}");
    assert!(rows[3].ends_with("rgops                    1%        0%  running (the agent)"), "{text}");
    assert!(text.contains("--all lists each of the 495 threads\n") && text.lines().count() <= 40, "{text}");
    assert_eq!(render(&many, "4711", true).matches("pool-").count(), 490);
    let json = serde_json::to_value(JsonStats::document(&hello(), &many, &End::default())).unwrap();
    assert_eq!(json["threads"].as_array().unwrap().len(), 495);
    let pool = &json["thread_groups"][1];
    assert_eq!((&pool["name"], &pool["count"]), (&"pool-*".into(), &490.into()));
    assert_eq!(pool["running_ns"], WINDOW / 50);
}
