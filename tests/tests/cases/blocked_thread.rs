//! A thread is idle only if its runtime parked it: the same rule for each role and each way to block.

use rgops_tests::running::Running;
use rgops_tests::waiting;
use serde_json::Value;

/// Roles of the case program, and the role that `rgops stack` says.
const ROLES: [(&str, &str); 7] = [
    ("main", "main"),
    ("current-thread", "main"),
    ("local-set", "main"),
    ("worker", "tokio_worker"),
    ("blocking", "tokio_blocking"),
    ("in-place", "tokio_worker"),
    ("thread", "other"),
];
const BLOCKS: [&str; 6] = ["mutex", "sleep", "recv", "blocking_recv", "read", "child"];

#[test]
fn is_blocked_in_each_role_by_each_kind_of_call() {
    for (role, expected) in ROLES {
        for block in BLOCKS {
            // Tokio refuses to block in an asynchronous function.
            if block == "blocking_recv" && !matches!(role, "blocking" | "in-place") {
                continue;
            }
            let target = crate::start(&["blocked-thread", role, block]);
            let thread = until(&target, |threads| {
                threads.iter().find(|thread| has_function(thread, "blocked_thread::blocks")).cloned()
            });
            assert_eq!(thread["role"], expected, "{role} {block}: {thread:#}");
            assert_eq!(thread["activity"], "blocked", "{role} {block}: {thread:#}");
        }
    }
}

#[test]
fn that_awaits_is_idle_in_each_role() {
    for (role, expected) in ROLES {
        let target = crate::start(&["blocked-thread", role, "await"]);
        let name = match role {
            "thread" => "blocked_thread::run",
            "blocking" | "in-place" => "blocked_thread::waits_in_thread",
            "worker" => "multi_thread::worker::",
            _ => "block_on",
        };
        let thread = until(&target, |threads| {
            let is_wanted = |thread: &&Value| {
                thread["role"] == expected && thread["activity"] == "idle" && has_function(thread, name)
            };
            threads.iter().find(is_wanted).cloned()
        });
        assert_eq!(thread["activity"], "idle", "{role}: {thread:#}");
        // One line tells where it awaits, without frames.
        let stack = crate::ask(&target, "stack", &[]).output;
        let tid = thread["tid"].to_string();
        let is_line = |line: &str| line.contains("[idle, ") && line.split([' ', ',']).any(|word| word == tid);
        assert!(stack.lines().any(is_line), "{role}: {stack}");
    }
}

/// Asks until the program came into its state.
fn until(target: &Running, wanted: impl Fn(&[Value]) -> Option<Value>) -> Value {
    waiting::until("the thread waits", || {
        let stack = crate::ask(target, "stack", &["--json"]).json();
        wanted(stack["threads"].as_array().unwrap())
    })
}

fn has_function(thread: &Value, part: &str) -> bool {
    let frames = thread["frames"].as_array().unwrap();
    frames.iter().any(|frame| frame["function"].as_str().is_some_and(|name| name.contains(part)))
}
