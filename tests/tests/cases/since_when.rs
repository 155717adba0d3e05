//! What did not move while it was watched.

use rgops_tests::waiting;
use serde_json::Value;

#[test]
fn a_thread_that_sleeps_is_marked_and_one_that_wakes_again_and_again_is_not() {
    let target = crate::start(&["since-when"]);
    let thread = |stack: &Value, name: &str| {
        let threads = stack["threads"].as_array().unwrap().iter();
        threads.clone().find(|thread| thread["name"] == name).cloned().unwrap()
    };
    // It may still be about to sleep at the first look.
    let stack = waiting::until("the thread sleeps", || {
        let stack = crate::ask(&target, "stack", &["--for", "300ms", "--json"]).json();
        thread(&stack, "still")["unmoved_seconds"].is_f64().then_some(stack)
    });
    assert!(thread(&stack, "still")["unmoved_seconds"].as_f64().unwrap() >= 0.3, "{stack:#}");
    // It slept and woke several times, always at the same place.
    assert!(thread(&stack, "moving")["unmoved_seconds"].is_null(), "{stack:#}");
    let text = crate::ask(&target, "stack", &["--for", "300ms"]).output;
    let line = |name: &str| text.lines().find(|line| line.contains(&format!(": {name}"))).unwrap();
    assert!(line("still").contains(", not moved for "), "{text}");
    assert!(!line("moving").contains("not moved"), "{text}");
    let unwatched = crate::ask(&target, "stack", &["--json"]).json();
    assert!(thread(&unwatched, "still").get("unmoved_seconds").is_none());
}

#[test]
fn a_task_whose_socket_is_quiet_is_marked_and_those_that_are_polled_are_not() {
    let target = crate::start(&["since-when"]);
    let of = |tasks: &Value, future: &str| {
        let is_it = |task: &&Value| task["future"].as_str().is_some_and(|name| name.contains(future));
        tasks["tasks"].as_array().unwrap().iter().find(is_it).cloned()
    };
    let tasks = waiting::until("the tasks wait", || {
        let tasks = crate::ask(&target, "tasks", &["--for", "300ms", "--json"]).json();
        of(&tasks, "read_from_quiet")?["unmoved_seconds"].is_f64().then_some(tasks)
    });
    let quiet = of(&tasks, "read_from_quiet").unwrap();
    assert!(quiet["unmoved_seconds"].as_f64().unwrap() >= 0.3, "{quiet:#}");
    // Both wait at one await at each look, and are polled in between.
    for moving in ["read_from_noisy", "wait_in_turns"] {
        let task = of(&tasks, moving).unwrap();
        assert!(task["unmoved_seconds"].is_null(), "{task:#}");
    }
    let text = crate::ask(&target, "tasks", &["--for", "300ms"]).output;
    let line = |future: &str| text.lines().position(|line| line.contains(future)).unwrap();
    assert!(line("not moved for") < line("read_from_quiet"), "{text}");
    assert!(line("read_from_quiet") < line("read_from_noisy"), "{text}");
}

#[test]
fn a_thread_that_did_not_run_since_an_earlier_command_waits_at_least_so_long() {
    let target = crate::start(&["since-when"]);
    let waits = |name: &str| {
        let stack = crate::ask(&target, "stack", &["--json"]).json();
        let thread =
            stack["threads"].as_array().unwrap().iter().find(|thread| thread["name"] == name).unwrap();
        thread["waiting_seconds"].as_f64()
    };
    // Nobody asked before.
    assert_eq!(waits("still"), None);
    let first = waiting::until("it did not run between two commands", || waits("still"));
    assert!(waits("still").unwrap() > first);
    // One that wakes again and again does not keep its first moment.
    waiting::until("it ran", || waits("moving").is_none_or(|seconds| seconds < first).then_some(()));
}
