//! Every worker of a runtime is stuck. Its tasks are listed at once, the stuck ones are named with their native
//! stack, and when they are free again, the runtime works like one that was never inspected. (Tokio's `Handle::dump`
//! leaves such a runtime without heartbeats.)

use std::time::{Duration, Instant};

use rgops_tests::directory::Directory;
use rgops_tests::running::{Answer, rgops};
use rgops_tests::target::Target;
use rgops_tests::tasks::crowded;

const TASKS: u64 = 200;
const WORKERS: u64 = 2;

/// The maximum time of the list. On a loaded machine the best of some tries counts: the limit is for the list itself,
/// not for the time that other programs had the CPU.
const MAX_LIST: Duration = Duration::from_millis(100);
const TRIES: usize = 50;

/// Heartbeats are counted in windows of this length, at most this number of times.
const WINDOW: Duration = Duration::from_millis(500);
const WINDOWS: usize = 60;

// One test instead of two: at the same time they would compete for CPUs.
#[test]
fn a_runtime_with_stuck_workers_is_listed_in_a_tenth_of_a_second_and_unharmed() {
    let _alone = crate::alone();
    check("spin", "crowded::culprit_spins", "crowded::stuck_spinning");
    check("lock", "crowded::culprit_locks", "crowded::stuck_locking");
}

fn check(how: &str, culprit: &str, future: &str) {
    let (directory, other) = (Directory::new(), Directory::new());
    let (mut inspected, _) = crowded(&directory, TASKS, WORKERS);
    let (mut control, _) = crowded(&other, TASKS, WORKERS);
    let before = beats_per_second([&mut inspected, &mut control]);
    for target in [&mut inspected, &mut control] {
        assert_eq!(target.order(how), "stuck");
    }

    let pid = inspected.pid().to_string();
    let mut best = Duration::MAX;
    for _ in 0..TRIES {
        let answer = asked(&["tasks", &pid, "--json"]);
        let json = answer.json();
        let states = json["tasks"].as_array().unwrap().iter().map(|task| task["state"].as_str().unwrap());
        assert_eq!(states.filter(|state| *state == "running").count() as u64, WORKERS, "{how}");
        // Plus the heartbeat and the stuck tasks.
        assert_eq!(json["counts"]["listed"], TASKS + 1 + WORKERS);
        let list = Duration::from_nanos(json["list_ns"].as_u64().unwrap());
        println!("{how}: listed in {list:?}; rgops took {:?} in all", answer.took);
        best = best.min(list);
        if best < MAX_LIST {
            break;
        }
    }
    assert!(best < MAX_LIST, "{how}: the best of {TRIES} lists took {best:?}");

    let screen = asked(&["tasks", &pid]).output;
    println!("{screen}");
    let group = screen.split("\n\n").find(|group| group.contains("[running")).expect("running tasks");
    for line in [future, culprit] {
        assert!(
            group.lines().any(|shown| shown.trim() == line || shown.contains(line)),
            "no {line} in\n{group}"
        );
    }
    let first = screen.split("\n\n").nth(2).unwrap_or_default();
    assert_eq!(first.trim(), group.trim(), "what runs comes first");

    for target in [&mut inspected, &mut control] {
        assert_eq!(target.order("free"), "free");
        assert_eq!(target.order("work"), "worked 499500", "every task that was spawned ends");
    }
    // Both at the same time, so other work on the machine affects both.
    let after = beats_per_second([&mut inspected, &mut control]);
    println!("{how}: heartbeats a second: {before:?} before, {after:?} afterwards (looked at, control)");
}

fn asked(arguments: &[&str]) -> Answer {
    let answer = rgops(arguments);
    assert!([0, 6].contains(&answer.code), "{answer:?}");
    answer
}

/// Heartbeats of both in a window in which the first has at least nine tenths of the second's. The machine's noise
/// alternates between the two; harm would always be on one side.
fn beats_per_second(targets: [&mut Target; 2]) -> [u64; 2] {
    let [one, other] = targets;
    let mut seen = Vec::new();
    for _ in 0..WINDOWS {
        let beats = |target: &mut Target| -> u64 {
            target.order("heartbeat").split(' ').next().unwrap().parse().unwrap()
        };
        let begin = Instant::now();
        let before = [beats(one), beats(other)];
        std::thread::sleep(WINDOW);
        let after = [beats(one), beats(other)];
        let rate = |at: usize| ((after[at] - before[at]) as f64 / begin.elapsed().as_secs_f64()) as u64;
        let rates = [rate(0), rate(1)];
        if rates[0] > 0 && rates[0] * 10 >= rates[1] * 9 {
            return rates;
        }
        seen.push(rates);
    }
    panic!("never as many heartbeats as the control's: {seen:?}");
}
