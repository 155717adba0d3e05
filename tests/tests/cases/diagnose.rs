//! `rgops diagnose` names what is wrong with sick programs first, with the line, and finds nothing in healthy ones that
//! do nearly the same under full load.

use std::thread;

use rgops_tests::built;
use rgops_tests::running::{Answer, Running, rgops};
use rgops_tests::waiting;
use serde_json::Value;

/// Program, the kind of the first finding, and the function of the line that it has to name; empty where there is none.
const SICK: &[(&str, &str, &str)] = &[
    ("task-deadlock", "deadlock", "diagnosed::tasks::"),
    ("join-deadlock", "deadlock", "diagnosed::tasks::"),
    ("futurelock", "futurelock", "refresh_or_report"),
    ("runtime-without-a-driver", "timers_late", "tick"),
    ("sleeping-worker", "stuck_worker", "sleep_in_a_poll"),
    ("receiving-worker", "stuck_worker", "receive_in_a_poll"),
    ("blocked-current-thread", "stuck_worker", "sleep_in_a_poll"),
    ("sleeps-on-workers", "blocking_call", "sleep_in_a_poll"),
    ("reads-on-workers", "blocking_call", "read_in_a_poll"),
    ("full-pool", "blocking_pool_full", "wait_for_a_service"),
    ("pool-in-a-mutex", "lock_convoy", "wait_for_the_mutex"),
    ("lock-convoy", "lock_convoy", "wait_for_the_owner"),
    ("thread-deadlock", "deadlock", "lock_both"),
    ("out-of-descriptors", "descriptors", ""),
    ("nearly-at-its-limit", "memory_limit", ""),
    ("leak", "growing_heap", "remember"),
    ("piling-tasks", "growing_tasks", ""),
];

/// These use all CPUs, so they are looked at one after the other.
const SICK_ALONE: &[(&str, &str, &str)] = &[
    ("spinning-worker", "stuck_worker", "spin_forever"),
    ("starved", "cpu_starvation", ""),
    ("rare-turns", "timers_late", ""),
];

/// Healthy programs under full load.
const HEALTHY: &[&str] = &[
    "ordered-locks",
    "short-tasks",
    "select-of-locks",
    "busy-timers",
    "long-polls",
    "one-task-of-long-polls",
    "blocks-in-place",
    "busy-current-thread",
    "blocked-main",
    "pool-in-bursts",
    "sleeping-pool",
    "idle-pool",
    "many-descriptors",
    "cache",
    "memory-in-waves",
    "waits-for-work",
    "shared-receiver",
    "short-locks",
    "more-threads-than-cpus",
];

fn start(name: &str) -> Running {
    Running::start_and_wait(&built::release("diagnosed"), &[name])
}

fn diagnose(target: &Running, name: &str) -> Answer {
    let answer = rgops(&["diagnose", &target.pid().to_string(), "--json"]);
    println!("$ rgops diagnose {name} → {}\n{}{}", answer.code, answer.output, answer.errors);
    answer
}

fn is_named_first(name: &str, kind: &str, function: &str) {
    let target = start(name);
    // Whoever gets too little CPU for a finding is said to be undecided, and is asked again.
    let first = waiting::until(&format!("{kind} is found in {name}"), || {
        let answer = diagnose(&target, name);
        let json = answer.json();
        // Other processes may take the CPUs meanwhile. That is true then, and not of this program.
        let is_of_program =
            |finding: &&Value| kind == "cpu_starvation" || finding["kind"] != "cpu_starvation";
        let first = json["findings"].as_array().unwrap().iter().find(is_of_program);
        let Some(first) = first else {
            assert!(is_undecided(&json, kind), "{name}: neither found nor undecided: {json}");
            return None;
        };
        assert_eq!((answer.code, first["kind"].as_str()), (8, Some(kind)), "{name}");
        Some(first.clone())
    });
    let place = first["concerned"][0]["place"]["function"].as_str().unwrap_or_default();
    assert!(place.contains(function), "{name}: {place}");
    if !function.is_empty() {
        assert!(first["concerned"][0]["place"]["line"].is_u64(), "{name}: {first}");
    }
    assert!(first["evidence"][0].is_string() && first["more"][0].is_string(), "{name}: {first}");
}

/// Whether the answer says that something of this kind could not be decided.
fn is_undecided(json: &Value, kind: &str) -> bool {
    let looked_at = json["looked_at"].as_array().unwrap();
    looked_at
        .iter()
        .any(|one| one["kind"] == kind && one["not"].as_array().is_some_and(|not| !not.is_empty()))
}

#[test]
fn sick_programs_are_named_first_with_their_line() {
    // They are asleep, or use little CPU: several at a time.
    for some in SICK.chunks(5) {
        thread::scope(|scope| {
            for (name, kind, function) in some {
                scope.spawn(|| is_named_first(name, kind, function));
            }
        });
    }
}

#[test]
fn sick_programs_that_use_all_cpus_are_named_first() {
    let _alone = crate::alone();
    for (name, kind, function) in SICK_ALONE {
        is_named_first(name, kind, function);
    }
}

#[test]
fn healthy_programs_under_full_load_have_no_findings() {
    let _alone = crate::alone();
    let rounds = if std::env::var_os("RGOPS_LONG").is_some() { 20 } else { 2 };
    for _ in 0..rounds {
        // Side by side they take the CPUs from each other, which is true starvation and nothing else.
        for some in HEALTHY.chunks(3) {
            thread::scope(|scope| {
                for name in some {
                    scope.spawn(|| has_no_finding(name));
                }
            });
        }
    }
}

fn has_no_finding(name: &str) {
    let answer = diagnose(&start(name), name);
    let json = answer.json();
    let findings = json["findings"].as_array().unwrap();
    let others: Vec<_> = findings.iter().filter(|finding| finding["kind"] != "cpu_starvation").collect();
    assert!(others.is_empty() && [0, 6, 8].contains(&answer.code), "{name}: {others:?}");
    let looked_at = json["looked_at"].as_array().unwrap();
    assert!(looked_at.iter().filter(|one| one["at"] != "").count() > 5, "{name}: {looked_at:?}");
}
