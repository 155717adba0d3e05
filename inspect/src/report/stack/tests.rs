//! The first screen, from synthetic threads.
#![expect(clippy::unwrap_used, reason = "tests")]

use rgops_protocol::PROTOCOL_VERSION;
use rgops_protocol::reply::stack::{
    Capture, StackPart, StackSummary, SystemCall, ThreadStack, WaitingThread,
};
use rgops_protocol::reply::{End, Known, Module, Stack, StackEnd};
use rgops_protocol::tail::Tail;

use super::*;
use crate::budget::{Budget, Exhausted};
use crate::made::hello;

fn thread(tid: u32, name: &str, state: char, call: u32, frames: &[u64]) -> ThreadStack {
    ThreadStack {
        tid,
        name: name.to_owned(),
        state,
        cpu_ns: Known::Value(1_500_000_000),
        wchan: String::new(),
        system_call: Known::Value(if state == 'R' {
            SystemCall::Running
        } else {
            SystemCall::Number { number: call, first_argument: 0 }
        }),
        is_agent: false,
        current_task: None,
        capture: Capture::Signal { because: String::new() },
        stack: Stack { frames: frames.to_vec(), end: StackEnd::Root },
    }
}

fn report(threads: Vec<ThreadStack>) -> StackReport {
    report_with(threads, &[])
}

/// With the threads that did not run since an earlier dump, and seconds.
fn report_with(threads: Vec<ThreadStack>, waiting: &[(u32, u64)]) -> StackReport {
    let waiting =
        waiting.iter().map(|(tid, seconds)| WaitingThread { tid: *tid, for_ns: seconds * 1_000_000_000 });
    let module = Module {
        path: "/nowhere/x86-64/shop".to_owned(),
        build_id: vec![1],
        start_avma: 0x1000,
        end_avma: 0x9000,
        bias: 0x1000,
        has_unwind_data: true,
    };
    let summary = StackSummary {
        unix_ns: 1_795_386_440_000_000_000,
        capture_ns: 2_500_000,
        threads: threads.len() as u32,
        captured: 4,
        vanished: 0,
        current_tasks: None,
        waiting: Tail::for_reader(PROTOCOL_VERSION, waiting.collect()),
    };
    let parts =
        vec![StackPart::Modules(vec![module]), StackPart::Threads(threads), StackPart::Summary(summary)];
    StackReport::new(&hello(), None, &[], parts)
}

#[test]
fn the_first_screen_groups_threads_and_shows_running_ones_first() {
    let mut agent = thread(4800, "rgops-agent", 'S', 232, &[0x5000]);
    agent.is_agent = true;
    agent.capture = Capture::OwnThread;
    let mut masked = thread(4720, "evil\x1b[2J", 'D', 0, &[]);
    masked.capture = Capture::Failed { reason: "the thread blocks SIGPROF".to_owned() };
    masked.stack.end = StackEnd::NotCaptured;
    masked.wchan = "io_schedule".to_owned();
    let mut polling = thread(4714, "pool-3", 'R', 0, &[0x2345]);
    polling.current_task = Some(1041);
    let report = report(vec![
        agent,
        thread(4711, "shop", 'S', 202, &[0x2000, 0x3001]),
        thread(4712, "pool-1", 'S', 202, &[0x2000, 0x4001]),
        thread(4713, "pool-2", 'S', 202, &[0x2000, 0x4001]),
        masked,
        polling,
    ]);
    assert_eq!(
        report.render(&View::default()),
        "shop (pid 4711): 6 threads, 5 captured (4 by signal, 1 of the agent) in 2.5ms at 2026-11-22 22:27:20 UTC\n\
         main (blocked: futex wait) · 4 other threads (1 running; 3 blocked: futex wait, uninterruptible, read) · agent\n\
         \n\
         thread 4714 [running]: pool-3, cpu 1.5s\n\
         \tpolls task 1041\n\
         shop+0x1345\n\
         \n\
         2 threads [futex wait]: pool-1, pool-2 4712 4713, cpu 3s\n\
         shop+0x1000\n\
         shop+0x3001\n\
         \n\
         thread 4711 [futex wait]: shop (main), cpu 1.5s\n\
         shop+0x1000\n\
         shop+0x2001\n\
         \n\
         thread 4720 [uninterruptible, read]: evil\\x1b[2J, cpu 1.5s\n\
         \tnot captured: the thread blocks SIGPROF\n\
         \tin the kernel: io_schedule\n\
         \n\
         thread 4800 [epoll_wait]: rgops-agent (agent), cpu 1.5s\n\
         \n\
         shop: its file is not on this host\n  fix: pass --symbols DIR with the file of the running build\n"
    );
    assert_eq!(report.render(&View { all: true, ..View::default() }).matches("\nthread ").count(), 6);
}

#[test]
fn the_json_has_its_schema_and_every_thread() {
    let mut main = thread(4711, "shop", 'S', 202, &[0x2000]);
    main.current_task = Some(7);
    let report = report(vec![main, thread(4712, "other", 'S', 202, &[0x2000])]);
    let end = rgops_protocol::reply::End::default();
    let json = serde_json::to_value(JsonStack::document(&report, Ok(&end))).unwrap();
    assert_eq!(json["schema"], "rgops.stack/1");
    assert_eq!(json["threads"][0]["frames"][0]["module_offset"], 0x1000);
    assert_eq!(json["threads"][0]["role"], "main");
    assert_eq!(json["threads"][0]["system_call"], "futex");
    assert_eq!(json["threads"][0]["polls"]["task"], 7);
    assert!(json["threads"][1]["polls"].is_null());
    assert!(json.get("broken_off").is_none());
}

#[test]
fn text_and_json_end_at_the_budget_with_a_note() {
    let threads = (0..2_000).map(|tid| thread(tid, "worker", 'R', 0, &[0x2000 + u64::from(tid)]));
    let mut report = report(threads.collect());
    report.budget = Budget::new(50_000);
    let screen = report.screen(&View { all: true, ..View::default() });
    assert_eq!(screen.cut(), Some(Exhausted::Memory(50_000)));
    assert!(screen.as_str().len() < 50_000 && screen.as_str().starts_with("shop (pid 4711): 2000 threads, "));
    assert!(screen.as_str().ends_with("--max-memory or --timeout\n"));
    let json = JsonStack::document(&report, Ok(&End::default()));
    assert_eq!(json.cut(), Some(Exhausted::Memory(50_000)));
    let json = serde_json::to_value(json).unwrap();
    assert!((20..200).contains(&json["threads"].as_array().unwrap().len()));
    assert!(json["broken_off"].as_str().unwrap().starts_with("the rest is left out: the memory limit of "));
}

#[test]
fn frames_without_names_are_visited_once_for_all_modules() {
    let began = std::time::Instant::now();
    let addresses: Vec<u64> = (0x2000..0x3000).collect();
    let threads = (0..100).map(|tid| thread(tid, "worker", 'R', 0, &addresses)).collect();
    let module = |number: u64| Module {
        path: format!("/nowhere/lib{number}.so"),
        build_id: vec![1],
        start_avma: 0x10_0000 + number * 0x1000,
        end_avma: 0x10_1000 + number * 0x1000,
        bias: 0,
        has_unwind_data: true,
    };
    let parts = vec![StackPart::Modules((0..4_096).map(module).collect()), StackPart::Threads(threads)];
    let report = StackReport::new(&hello(), None, &[], parts);
    assert!(report.left_out.is_none() && report.render(&View::default()).contains("100 threads [running]"));
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn what_was_not_searched_for_holders_is_said() {
    let mut report = report(vec![thread(4711, "shop", 'S', 202, &[0x5000])]);
    assert!(!report.render(&View::default()).contains("were not searched"));
    report.holders.not_searched = Some(crate::locks::NotSearched { threads: 3, locks: 1 });
    let screen = report.render(&View::default());
    assert!(
        screen.contains("\nholders of locks: 3 threads and 1 lock were not searched: too many\n"),
        "{screen}"
    );
    let json = serde_json::to_value(JsonStack::document(&report, Ok(&End::default()))).unwrap();
    assert_eq!(json["holders_not_searched"], serde_json::json!({"threads": 3, "locks": 1}));
}

#[test]
fn threads_that_did_not_run_since_an_earlier_command_wait_at_least_so_long() {
    let threads = || {
        vec![
            thread(4711, "shop", 'S', 202, &[0x2000]),
            thread(4712, "pool-1", 'S', 202, &[0x4001]),
            thread(4713, "pool-2", 'S', 202, &[0x4001]),
            thread(4714, "pool-3", 'R', 0, &[0x2345]),
        ]
    };
    let report = report_with(threads(), &[(4711, 59), (4712, 725), (4714, 700), (9999, 700)]);
    let screen = report.render(&View::default());
    assert_eq!(screen.matches("waiting").count(), 1, "{screen}");
    assert!(screen.contains(" 4712 4713, cpu 3s, 1 of them waiting for at least 12m05s\n"), "{screen}");
    let json = serde_json::to_value(JsonStack::document(&report, Ok(&End::default()))).unwrap();
    let seconds = |tid: u64| {
        let threads = json["threads"].as_array().unwrap();
        threads.iter().find(|thread| thread["tid"] == tid).unwrap()["waiting_seconds"].as_f64()
    };
    assert_eq!((seconds(4711), seconds(4713), seconds(4714)), (Some(59.0), None, None));
    let report = report_with(threads(), &[(4712, 725), (4713, 60)]);
    assert!(report.render(&View::default()).contains(", waiting for at least 1m00s\n"));
}
