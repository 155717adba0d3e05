//! A dump of 500 threads fits two screens, and what they wait in comes first.

use rgops_tests::running::Running;
use rgops_tests::{built, waiting};

/// Two screens of 50 lines.
const TWO_SCREENS: usize = 100;

#[test]
fn fits_two_screens() {
    let target = Running::start_and_wait(&built::release("cases"), &["crowd-of-threads"]);
    let stack = waiting::until("all threads wait for the lock", || {
        let stack = crate::ask(&target, "stack", &[]).output;
        stack.contains("490 threads [futex wait]: tokio-rt-worker (tokio blocking thread)").then_some(stack)
    });
    assert!(stack.lines().count() < TWO_SCREENS, "{stack}");
    let place = |text: &str| stack.find(text).unwrap_or_else(|| panic!("{text} is missing: {stack}"));
    let waiters = place("490 threads [futex wait]");
    assert!(waiters < place("crowd_of_threads::takes_order\n"));
    assert!(stack.contains("\n490 threads wait for Mutex 0x"), "{stack}");
    // Idle threads are one line each, below, and the agent is last.
    assert!(place("crowd_of_threads::takes_order\n") < place("[idle, epoll_wait]"));
    assert!(place("[idle, epoll_wait]") < place("(agent)"));
    assert!(stack.contains("crowd_of_threads::holds") && stack.contains("… "), "{stack}");
    assert!(!stack.contains("/registry/src/") && !stack.contains("/rustc/"), "{stack}");
    let verbose = crate::ask(&target, "stack", &["--verbose"]).output;
    assert!(verbose.contains("/rustc/") && !verbose.lines().any(|line| line.starts_with("… ")), "{verbose}");
    let json = crate::ask(&target, "stack", &["--json"]).json();
    assert!(json["threads"].as_array().unwrap().len() > 495);
}
