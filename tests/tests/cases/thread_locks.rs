//! Who holds the locks that threads wait for, and rings of threads.

use rgops_tests::running::Running;
use rgops_tests::waiting;
use serde_json::Value;

fn start(name: &str) -> Running {
    let mut target = crate::start(&["thread-locks", name]);
    assert_eq!(target.line(), "ready");
    target
}

/// The answer of `stack` when so many threads wait for locks, and the program is still.
fn stack(target: &Running, waiting: usize) -> Value {
    waiting::until("the threads wait", || {
        let stack = crate::ask(target, "stack", &["--json"]).json();
        let count: usize = locks(&stack).iter().map(|lock| lock["threads"].as_array().unwrap().len()).sum();
        let are_looked_at = locks(&stack)
            .iter()
            .all(|lock| !lock["holder"].is_null() || lock["holder_unknown_because"].is_string());
        (count == waiting && are_looked_at).then_some(stack)
    })
}

fn locks(stack: &Value) -> Vec<Value> {
    stack["locks"].as_array().unwrap().clone()
}

/// The threads that are in a function of the program.
fn in_function(stack: &Value, name: &str) -> Vec<Value> {
    let threads = stack["threads"].as_array().unwrap().iter();
    let is_in = |thread: &&Value| {
        let frames = thread["frames"].as_array().unwrap();
        frames.iter().any(|frame| frame["function"].as_str().is_some_and(|function| function.contains(name)))
    };
    threads.filter(is_in).map(|thread| thread["tid"].clone()).collect()
}

#[test]
fn a_ring_of_mutexes_of_the_c_library_is_certain() {
    let target = start("ring-of-pthread");
    let stack = stack(&target, 2);
    let ring = &stack["deadlocks"][0];
    assert_eq!(ring["is_certain"], true, "{ring}");
    let mut threads = ring["threads"].as_array().unwrap().clone();
    threads.sort_by_key(Value::as_u64);
    assert_eq!(threads, in_function(&stack, "both_of_pthread"));
    assert!(locks(&stack).iter().all(|lock| lock["holder"] == "owner"), "{stack:#}");
    let text = crate::ask(&target, "stack", &[]).output;
    assert!(text.contains("\ndeadlock: 2 threads wait for each other\n"), "{text}");
}

#[test]
fn a_ring_of_statics_is_found_by_the_code_that_refers_to_them() {
    let target = start("ring-of-statics");
    let stack = stack(&target, 2);
    let ring = &stack["deadlocks"][0];
    assert_eq!((ring["threads"].as_array().unwrap().len(), &ring["is_certain"]), (2, &Value::from(false)));
    let text = crate::ask(&target, "stack", &[]).output;
    assert!(text.contains("\nprobable deadlock: 2 threads wait for each other\n"), "{text}");
    let answer = crate::ask(&target, "diagnose", &["--json"]);
    let first = &answer.json()["findings"][0];
    assert_eq!((answer.code, &first["kind"]), (8, &Value::from("deadlock")), "{first:#}");
    assert!(first["caution"].as_str().unwrap().contains("do not say who holds them"), "{first:#}");
}

#[test]
fn the_slow_holder_of_a_lock_is_named_with_its_line() {
    for (name, function) in [("convoy", "sleep_with_the_lock"), ("convoy-of-static", "sleep_with_the_static")]
    {
        let target = start(name);
        let stack = stack(&target, 3);
        let locks = locks(&stack);
        assert_eq!((locks.len(), &locks[0]["holder"]), (1, &Value::from("likely")), "{name}: {locks:#?}");
        assert_eq!(locks[0]["held_by"].as_array().unwrap(), &in_function(&stack, function), "{name}");
        assert_eq!(stack["deadlocks"].as_array().unwrap().len(), 0, "{name}");
        let text = crate::ask(&target, "stack", &[]).output;
        let line = text.lines().find(|line| line.starts_with("3 threads wait for Mutex")).unwrap();
        assert!(line.contains("probably held by thread") && line.contains(function), "{line}");
        assert!(line.contains("(sleep) in ") && line.contains("thread_locks.rs:"), "{line}");
    }
}

#[test]
fn a_thread_that_has_no_more_than_a_reference_is_not_accused() {
    let target = start("convoy-and-reference");
    let stack = stack(&target, 3);
    let lock = &locks(&stack)[0];
    assert_eq!(lock["holder"], "one_of", "{lock:#}");
    let held_by = lock["held_by"].as_array().unwrap();
    assert!(held_by.contains(&in_function(&stack, "sleep_with_the_lock")[0]), "{lock:#}");
    let text = crate::ask(&target, "stack", &[]).output;
    assert!(text.contains("may be held by one of: thread"), "{text}");
}

#[test]
fn nobody_is_accused_in_a_program_that_goes_on() {
    let _alone = crate::alone();
    let target = start("ordered");
    for _ in 0..10 {
        let stack = crate::ask(&target, "stack", &["--json"]).json();
        assert_eq!(stack["deadlocks"].as_array().unwrap().len(), 0, "{stack:#}");
    }
    let answer = crate::ask(&target, "diagnose", &["--json"]).json();
    let findings = answer["findings"].as_array().unwrap().iter();
    let kinds: Vec<&Value> = findings.map(|finding| &finding["kind"]).collect();
    assert!(!kinds.iter().any(|kind| *kind == "deadlock" || *kind == "lock_convoy"), "{answer:#}");
}

#[test]
fn threads_behind_a_ring_of_three_locks_are_told_with_each_lock() {
    let target = start("ring-of-three");
    let stack = stack(&target, 3);
    let locks = locks(&stack);
    let kinds: Vec<&str> = locks.iter().map(|lock| lock["kind"].as_str().unwrap()).collect();
    assert_eq!(locks.len(), 3);
    assert!(["mutex", "rw_lock_read", "rw_lock_write"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
    // Whoever holds each is among those that are named.
    for (waits, holds) in [
        ("mutex_then_write", "read_then_read"),
        ("read_then_read", "write_then_mutex"),
        ("write_then_mutex", "mutex_then_write"),
    ] {
        let (waiter, holder) = (&in_function(&stack, waits)[0], &in_function(&stack, holds)[0]);
        let lock = locks.iter().find(|lock| lock["threads"].as_array().unwrap().contains(waiter)).unwrap();
        assert!(lock["held_by"].as_array().unwrap().contains(holder), "{waits}: {lock:#}");
    }
}
