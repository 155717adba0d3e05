//! Tasks that are in no list.

use rgops_tests::built;
use rgops_tests::running::{Answer, Running};
use rgops_tests::waiting::until;

/// The answer once the main thread waits: before, its stack is another one.
fn tasks_of(shape: &str) -> Answer {
    let target = Running::start_and_wait(&built::release("cases"), &["local-set", shape]);
    until("the main thread waits", || {
        let answer = crate::ask(&target, "tasks", &[]);
        answer.output.contains("block_on on thread").then_some(answer)
    })
}

#[test]
fn in_a_private_local_set_are_missing_and_not_zero() {
    let answer = tasks_of("private");
    assert_eq!(answer.code, 6, "{}", answer.output);
    let said = "drives a LocalSet that is not watched; its tasks are missing";
    assert!(answer.output.contains(said), "{}", answer.output);
}

#[test]
fn do_not_exist_in_a_runtime_without_tasks() {
    let answer = tasks_of("none");
    assert_eq!(answer.code, 0, "{}", answer.output);
    assert!(!answer.output.contains("incomplete"), "{}", answer.output);
}
