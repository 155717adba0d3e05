//! A main thread that waits in the runtime is idle.

#[test]
fn that_awaits_is_idle() {
    let target = crate::start(&["blocked-main", "await"]);
    let stack = crate::ask(&target, "stack", &[]).output;
    assert!(stack.contains("main (idle)"), "{stack}");
}
