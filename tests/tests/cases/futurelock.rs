//! Locks in futures that their task does not poll any more.

use rgops_tests::built;
use rgops_tests::running::Running;

fn tasks_of(shape: &str) -> String {
    let target = Running::start_and_wait(&built::release("cases"), &["futurelock", shape]);
    crate::ask(&target, "tasks", &[]).output
}

#[test]
fn is_found_in_every_shape() {
    for shape in ["boxed", "pinned", "set", "list", "option"] {
        let found = tasks_of(shape);
        assert!(found.contains("deadlock: a task waits for a lock that it keeps itself"), "{shape}: {found}");
        let owner = "in cases::futurelock::keep at ";
        assert!(found.contains(&format!("    {owner}")), "{shape}: {found}");
        let kept = found.lines().find(|line| line.starts_with("  keeps Mutex 0x"));
        let kept = kept.unwrap_or_else(|| panic!("{shape}: {found}"));
        assert!(
            kept.contains(owner) && kept.ends_with("which the task does not poll now"),
            "{shape}: {kept}"
        );
    }
}

#[test]
fn that_was_given_the_lock_while_it_is_not_polled_is_found() {
    let found = tasks_of("given");
    assert!(found.contains("deadlock: a task waits for a lock that it keeps itself"), "{found}");
    assert!(found.contains("it was given to cases::futurelock::keep at "), "{found}");
    assert!(found.contains("which the task has not polled since"), "{found}");
}

#[test]
fn is_not_blamed_where_the_task_can_go_on() {
    for shape in ["dropped", "elsewhere", "both", "timeout", "tasks"] {
        let found = tasks_of(shape);
        assert!(!found.contains("deadlock"), "{shape}: {found}");
        let keeps = found.contains("  keeps Mutex 0x");
        assert_eq!(keeps, ["elsewhere", "timeout"].contains(&shape), "{shape}: {found}");
    }
}

/// A guard that was dropped early cannot be told from one that lives.
#[test]
fn that_may_be_wrong_says_so() {
    let found = tasks_of("used");
    if found.contains("deadlock") {
        assert!(
            found.contains("one that ended by drop(guard), before its scope did, looks the same"),
            "{found}"
        );
    }
}
