//! When every worker of a runtime is stuck, the agent still answers at once, and shows where they are.

use rgops_tests::built;
use rgops_tests::running::{Answer, Running, rgops};

// One test instead of two: at the same time they would compete for CPUs.
#[test]
fn stuck_workers_are_named() {
    let _alone = crate::alone();
    let spinning = Running::start_and_wait(&built::release("stuck"), &["--all-workers"]);
    check(&spinning, "stuck::spin_forever", "running");
    drop(spinning);
    let locked = Running::start_and_wait(&built::release("stuck"), &["--all-workers", "--lock"]);
    check(&locked, "stuck::wait_for_lock_forever", "blocked");
}

fn check(stuck: &Running, function: &str, activity: &str) {
    let pid = stuck.pid().to_string();
    let stack = asked(&["stack", &pid]);
    assert!(stack.output.contains(function), "no {function} in\n{}", stack.output);
    assert!(stack.output.contains(activity), "nothing is {activity} in\n{}", stack.output);

    let stats = asked(&["stats", &pid]);
    let runtime = stats.output.lines().find(|line| line.starts_with("runtime main"));
    let runtime = runtime.unwrap_or_else(|| panic!("no runtime in\n{}", stats.output));
    // Tokio publishes a worker's busy time when it parks: in a poll that never ends it would be 0.
    assert!(runtime.contains("0 parked") && runtime.contains("busy [ 100%"), "{runtime}");
}

fn asked(arguments: &[&str]) -> Answer {
    let answer = rgops(arguments);
    println!("$ rgops {} ({:?})\n{}", arguments.join(" "), answer.took, answer.output);
    assert!([0, 6].contains(&answer.code), "{answer:?}");
    answer
}
