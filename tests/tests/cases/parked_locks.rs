//! Threads that wait for locks of parking_lot. They wait at addresses of their own, and the program says which locks it has.

use std::path::{Path, PathBuf};

use rgops_tests::running::Running;
use rgops_tests::{built, waiting};
use serde_json::Value;

/// One that waits for locks, and the addresses of its mutex and of its lock for readers and writers.
struct Case {
    target: Running,
    mutex: u64,
    lock: u64,
}

fn start(program: &Path, name: &str) -> Case {
    let mut target = Running::start(program, &["parked-locks", name]);
    let line = target.line();
    let address = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
    let (mutex, lock) = line.split_once(' ').map(|(mutex, lock)| (address(mutex), address(lock))).unwrap();
    assert_eq!(target.line(), "ready");
    Case { target, mutex, lock }
}

/// As users build it for debugging, and as they run it.
fn builds() -> [PathBuf; 2] {
    [built::debug_cases(), built::release("cases")]
}

impl Case {
    /// The answer of `stack` when so many threads wait for locks, and all were looked at while they did.
    fn stack(&self, waiting: usize) -> Value {
        waiting::until("the threads wait", || {
            let stack = crate::ask(&self.target, "stack", &["--json"]).json();
            let count: usize = locks(&stack).iter().map(|lock| tids(&lock["threads"]).len()).sum();
            let are_looked_at = locks(&stack).iter().all(|lock| {
                lock["kind"] == "condvar"
                    || !lock["holder"].is_null()
                    || lock["holder_unknown_because"].is_string()
            });
            (count == waiting && are_looked_at).then_some(stack)
        })
    }
}

fn locks(stack: &Value) -> Vec<Value> {
    stack["locks"].as_array().unwrap().clone()
}

fn tids(threads: &Value) -> Vec<Value> {
    threads.as_array().unwrap().clone()
}

fn lock_of_kind(stack: &Value, kind: &str) -> Value {
    locks(stack).into_iter().find(|lock| lock["kind"] == kind).unwrap()
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
fn a_ring_is_found_by_the_addresses_of_its_locks() {
    for program in builds() {
        for (name, with_mutex, with_lock) in [
            ("ring", "mutex_then_write", "write_then_mutex"),
            ("ring-of-statics", "static_mutex_then_write", "static_write_then_mutex"),
            ("last-reader", "mutex_then_write", "read_then_mutex"),
        ] {
            let case = start(&program, name);
            let stack = case.stack(2);
            let (mutex, lock) =
                (lock_of_kind(&stack, "parking_lot_mutex"), lock_of_kind(&stack, "parking_lot_rw_lock"));
            assert_eq!((&mutex["address"], &lock["address"]), (&case.mutex.into(), &case.lock.into()));
            let (with_mutex, with_lock) = (in_function(&stack, with_mutex), in_function(&stack, with_lock));
            assert_eq!(
                (tids(&mutex["threads"]), tids(&mutex["held_by"])),
                (with_lock.clone(), with_mutex.clone())
            );
            assert_eq!((tids(&lock["threads"]), tids(&lock["held_by"])), (with_mutex, with_lock));
            assert_eq!((&mutex["holder"], &lock["holder"]), (&"likely".into(), &"likely".into()));
            let ring = &stack["deadlocks"][0];
            assert_eq!(
                (tids(&ring["threads"]).len(), &ring["is_certain"]),
                (2, &Value::from(false)),
                "{name}"
            );
            let answer = crate::ask(&case.target, "diagnose", &["--json"]);
            let first = &answer.json()["findings"][0];
            assert_eq!((answer.code, &first["kind"]), (8, &Value::from("deadlock")), "{first:#}");
        }
    }
}

#[test]
fn the_threads_that_wait_for_one_mutex_are_one_group_with_its_slow_holder() {
    for program in builds() {
        let case = start(&program, "convoy");
        let stack = case.stack(3);
        let locks = locks(&stack);
        assert_eq!((locks.len(), &locks[0]["address"]), (1, &Value::from(case.mutex)));
        assert_eq!(locks[0]["holder"], "likely", "{locks:#?}");
        assert_eq!(tids(&locks[0]["held_by"]), in_function(&stack, "sleep_with_the_lock"));
        assert_eq!(tids(&stack["deadlocks"]).len(), 0);
        let text = crate::ask(&case.target, "stack", &[]).output;
        let line =
            text.lines().find(|line| line.starts_with("3 threads wait for parking_lot Mutex 0x")).unwrap();
        assert!(line.contains("probably held by thread") && line.contains("parked_locks.rs:"), "{line}");
    }
}

#[test]
fn a_thread_that_has_no_more_than_a_reference_is_not_accused() {
    for program in builds() {
        let case = start(&program, "convoy-and-reference");
        let stack = case.stack(3);
        let lock = &locks(&stack)[0];
        assert_eq!(lock["holder"], "one_of", "{lock:#}");
        let holder = &in_function(&stack, "sleep_with_the_lock")[0];
        assert!(tids(&lock["held_by"]).contains(holder), "{lock:#}");

        // The reader that holds the lock waits for it behind the writer, so nobody else is it.
        let case = start(&program, "read-again");
        let stack = case.stack(2);
        let locks = locks(&stack);
        assert_eq!((locks.len(), &locks[0]["address"]), (1, &Value::from(case.lock)));
        assert_eq!(
            (&locks[0]["holder_unknown_because"], tids(&locks[0]["held_by"]).len()),
            (&"a thread that waits for it may have it to read".into(), 0)
        );
        assert_eq!(tids(&stack["deadlocks"]).len(), 0);
    }
}

#[test]
fn threads_that_wait_for_a_condition_are_told_by_their_place() {
    for program in builds() {
        let case = start(&program, "condvar");
        let stack = case.stack(2);
        let locks = locks(&stack);
        assert_eq!((locks.len(), &locks[0]["kind"]), (1, &Value::from("condvar")));
        // The futex at which each waits is its own, and no address of the condition.
        assert!(locks[0]["address"].is_null(), "{locks:#?}");
    }
}

#[test]
fn nobody_is_accused_in_a_program_that_goes_on() {
    let _alone = crate::alone();
    let case = start(&built::release("cases"), "ordered");
    for _ in 0..10 {
        let stack = crate::ask(&case.target, "stack", &["--json"]).json();
        assert_eq!(tids(&stack["deadlocks"]).len(), 0, "{stack:#}");
        for lock in locks(&stack).iter().filter(|lock| !lock["address"].is_null()) {
            let address = lock["address"].as_u64().unwrap();
            assert!([case.mutex, case.lock].contains(&address), "{lock:#}");
        }
    }
    let answer = crate::ask(&case.target, "diagnose", &["--json"]).json();
    let findings = answer["findings"].as_array().unwrap().iter();
    let kinds: Vec<&Value> = findings.map(|finding| &finding["kind"]).collect();
    assert!(!kinds.iter().any(|kind| *kind == "deadlock" || *kind == "lock_convoy"), "{answer:#}");
}
