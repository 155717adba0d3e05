//! Tasks in a `LocalSet` that nobody told the agent about.

use rgops_tests::built;
use rgops_tests::running::{Answer, Running};
use rgops_tests::waiting::until;

const WAITING: &str = "local_set::waits_in_a_set";

fn start(shape: &str) -> Running {
    Running::start_and_wait(&built::release("cases"), &["local-set", shape])
}

/// The first answer that is as wanted: at first a thread may not have come to its place.
fn tasks_of(shape: &str, what: &str, is_wanted: impl Fn(&Answer) -> bool) -> Answer {
    let target = start(shape);
    until(what, || Some(crate::ask(&target, "tasks", &[])).filter(|answer| is_wanted(answer)))
}

/// Whether so many tasks wait in sets of threads.
fn has_waiting(answer: &Answer, count: usize) -> bool {
    let waiting = answer.output.contains(&format!("{count} tasks [idle]")) && answer.output.contains(WAITING);
    waiting && answer.output.contains("(local_set of thread ")
}

#[test]
fn on_the_stack_of_a_sleeping_thread_are_listed_with_their_awaits() {
    let answer = tasks_of("stack", "both sets are listed", |answer| answer.code == 0);
    assert!(has_waiting(&answer, 20), "{}", answer.output);
    assert!(answer.output.contains("21 tasks"), "{}", answer.output);
    assert!(answer.output.contains("tokio::time::sleep"), "{}", answer.output);
    assert!(!answer.output.contains("incomplete"), "{}", answer.output);
    assert_eq!(answer.output.matches("(local_set of thread ").count(), 2, "{}", answer.output);
}

#[test]
fn on_the_stack_of_a_thread_that_does_not_sleep_are_listed() {
    tasks_of("busy", "the tasks are listed", |answer| has_waiting(answer, 20));
}

#[test]
fn are_listed_while_others_come_and_go() {
    tasks_of("churn", "the tasks are listed", |answer| has_waiting(answer, 20));
}

#[test]
fn of_threads_with_a_set_and_a_runtime_each_are_listed_by_thread_and_the_runtimes_are_said_to_be_missing() {
    let answer = tasks_of("arbiters", "both sets are listed, and both threads sleep", |answer| {
        answer.output.matches("local_set::waits_in_an_arbiter").count() == 2
            && answer.output.contains("on runtimes that are not all watched")
    });
    for thread in ["arbiter:0", "arbiter:1"] {
        let line = answer.output.lines().find(|line| line.ends_with(&format!("{thread}): 1 task")));
        assert!(line.is_some_and(|line| line.contains("(local_set of thread ")), "{}", answer.output);
    }
    assert_eq!(answer.code, 6, "{}", answer.output);
}

#[test]
fn in_a_box_that_the_stack_points_into_are_listed() {
    tasks_of("heap", "the tasks are listed", |answer| answer.code == 0 && has_waiting(answer, 20));
}

#[test]
fn do_not_exist_in_a_runtime_without_tasks() {
    let answer =
        tasks_of("none", "the main thread waits", |answer| answer.output.contains("block_on on thread"));
    assert_eq!(answer.code, 0, "{}", answer.output);
    assert!(!answer.output.contains("incomplete"), "{}", answer.output);
}
