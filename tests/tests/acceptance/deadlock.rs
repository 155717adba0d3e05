//! Three tasks wait for each other, for two Tokio mutexes and a `JoinHandle`, while every thread is idle. `rgops
//! tasks` names the deadlock: which task waits where for which resource, and which task holds it.

use rgops_tests::built;
use rgops_tests::running::{Running, rgops};
use rgops_tests::waiting::until;

#[test]
fn an_async_deadlock_is_named_before_everything_else() {
    let stuck = Running::start_and_wait(&built::release("stuck"), &["--async-deadlock"]);
    let pid = stuck.pid().to_string();
    // All tasks have reported, but the last one may not have reached its `await`.
    let screen = until("a deadlock", || {
        let answer = rgops(&["tasks", &pid]);
        assert!([0, 6].contains(&answer.code), "{answer:?}");
        answer.output.contains("deadlock: ").then_some(answer.output)
    });
    println!("{screen}");
    let (_, named) = screen.split_once("deadlock: 3 tasks wait for each other").unwrap();
    let (named, rest) = named.split_once("\n\n").unwrap();
    for function in ["stuck::sell", "stuck::close_day", "stuck::count_stock"] {
        assert!(named.contains(function), "{function} is no part of\n{named}");
    }
    assert!(!named.contains("heartbeat"), "{named}");
    assert_eq!(named.matches("Mutex 0x").count(), 2, "two mutexes in\n{named}");
    assert!(rest.contains("[idle]"), "the tasks follow:\n{rest}");

    let json = rgops(&["tasks", &pid, "--json"]).json();
    let deadlocks = json["deadlocks"].as_array().unwrap();
    assert_eq!(deadlocks.len(), 1);
    let ring = deadlocks[0]["ring"].as_array().unwrap();
    let mut kinds: Vec<&str> = ring.iter().map(|link| link["waits_on"]["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["mutex", "mutex", "task"]);
}

#[test]
fn tasks_that_wait_for_channels_are_not_reported_as_a_deadlock() {
    let stuck = Running::start_and_wait(&built::release("stuck"), &["--channel"]);
    let answer = rgops(&["tasks", &stuck.pid().to_string()]);
    assert!(!answer.output.contains("deadlock"), "{}", answer.output);
}
