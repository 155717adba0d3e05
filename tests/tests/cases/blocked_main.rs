//! A main thread that waits in the runtime is idle; one that a synchronous call blocks is not, also where no debug
//! information tells that the call is the program's.

use std::process::Command;

use rgops_tests::directory::Directory;
use rgops_tests::running::Running;

#[test]
fn that_awaits_is_idle() {
    let target = crate::start(&["blocked-main", "await"]);
    let stack = crate::ask(&target, "stack", &[]).output;
    assert!(stack.contains("main (idle)"), "{stack}");
}

#[test]
fn that_is_blocked_is_not_idle_without_debug_information() {
    let directory = Directory::new();
    let (whole, program) = (rgops_tests::built::release("cases"), directory.path().join("cases"));
    assert!(Command::new("strip").args(["-g", "-o"]).args([&program, &whole]).status().unwrap().success());
    for (call, shown) in [("sleep", "sleep"), ("recv", "futex wait"), ("read", "read")] {
        let target = Running::start(&program, &["blocked-main", call]);
        let shown = format!("main (blocked: {shown})");
        crate::wait_until("it is blocked", || crate::ask(&target, "stack", &[]).output.contains(&shown));
    }
}
