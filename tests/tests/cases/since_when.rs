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
    assert!(line("still").contains(", not moved for 300"), "{text}");
    assert!(!line("moving").contains("not moved"), "{text}");
    let unwatched = crate::ask(&target, "stack", &["--json"]).json();
    assert!(thread(&unwatched, "still").get("unmoved_seconds").is_none());
}
