//! `rgops trace` on threads with a known schedule.

use rgops_tests::built;
use rgops_tests::running::{Running, rgops};
use rgops_tests::traced::{Traced, share};
use rgops_tests::waiting;

const KINDS: [&str; 9] =
    ["running", "runnable", "futex", "network", "poll", "file", "sleeping", "other", "unknown"];

#[test]
fn a_spinner_runs_or_waits_for_a_cpu_and_sleepers_sleep() {
    let _alone = crate::alone();
    let split = Running::start_and_wait(&built::release("split"), &[]);
    // A trace that itself got no CPU for a while does not know what the threads did meanwhile, and says so.
    let (traced, used) = waiting::until("a trace looked all the time", || {
        let before = clock(&split, "busy");
        let traced = Traced::take(&split, 3, 99);
        let used = clock(&split, "busy") - before;
        (share(traced.thread("busy"), &["unknown"]) < 0.01).then_some((traced, used))
    });
    for thread in traced.threads() {
        let sum: u64 = KINDS.iter().map(|kind| thread[format!("{kind}_ns")].as_u64().unwrap()).sum();
        assert_eq!(thread["life_ns"].as_u64().unwrap(), sum, "{thread}");
        println!("{}: {:?}", thread["name"], KINDS.map(|kind| (share(thread, &[kind]) * 1e3).round() / 10.0));
    }
    let busy = traced.thread("busy");
    assert!(share(busy, &["running", "runnable"]) >= 0.95, "{busy}");
    // The clock was read a little before and after the window.
    assert!(busy["running_ns"].as_u64().unwrap() <= used, "{busy} {used}");
    let (sleeper, spinner) = (traced.thread("1-percent"), busy["running_ns"].as_u64().unwrap());
    assert!(share(sleeper, &["sleeping", "runnable"]) >= 0.9, "{sleeper}");
    assert!(sleeper["running_ns"].as_u64().unwrap() < spinner, "{sleeper}");
    assert!(traced.json["samples"].as_u64().unwrap() > 0, "{:#}", traced.json);
}

#[test]
fn threads_that_wait_for_a_mutex_are_in_futex_and_its_owner_sleeps() {
    let _alone = crate::alone();
    let stuck = Running::start_and_wait(&built::release("stuck"), &["--mutex"]);
    let traced = waiting::until("a trace looked all the time", || {
        let traced = Traced::take(&stuck, 1, 0);
        (share(traced.thread("lock-holder"), &["unknown"]) < 0.005).then_some(traced)
    });
    let waiters: Vec<_> = traced
        .threads()
        .iter()
        .filter(|thread| thread["name"].as_str().unwrap().starts_with("lock-waiter"))
        .collect();
    assert!(!waiters.is_empty(), "{:#}", traced.json);
    for waiter in waiters {
        assert!(share(waiter, &["futex"]) > 0.99, "{waiter}");
    }
    assert!(share(traced.thread("lock-holder"), &["sleeping"]) > 0.99);
    assert_eq!(traced.json["schema"], "rgops.trace/1");
    assert_eq!(traced.json["runtimes"][0]["name"], "main");
    assert_eq!(traced.json["no_samples"], "none were requested");
}

#[test]
fn an_existing_file_is_not_overwritten() {
    let split = Running::start_and_wait(&built::release("split"), &[]);
    let file = std::env::temp_dir().join(format!("rgops-trace-exists-{}", std::process::id()));
    std::fs::write(&file, "mine").unwrap();
    let (pid, output) = (split.pid().to_string(), file.display().to_string());
    let answer = rgops(&["trace", &pid, "--duration", "0.1", "--output", &output]);
    assert_eq!(answer.code, 2, "{answer:?}");
    assert!(
        answer.errors.contains("the file already exists") && answer.errors.contains("--force"),
        "{answer:?}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    let answer = rgops(&["trace", &pid, "--duration", "0.1", "--output", &output, "--force"]);
    // 6 is a partial answer, for example because a millisecond has no sample. It was still written.
    assert!([0, 6].contains(&answer.code), "{answer:?}");
    assert!(answer.output.contains("busy") && answer.errors.contains("ui.perfetto.dev"), "{answer:?}");
    assert_ne!(std::fs::read(&file).unwrap(), b"mine");
    std::fs::remove_file(&file).unwrap();
}

fn clock(running: &Running, name: &str) -> u64 {
    running.thread_clocks().into_iter().find(|(known, _)| known == name).unwrap().1
}
