//! A program that was built as small as possible (`opt-level = "z"`, fat LTO, `panic = "abort"`): less is inlined, so the
//! frames of the runtime are others. Its threads have the same roles, and idle is who is idle.

use rgops_tests::built;
use rgops_tests::running::Running;
use rgops_tests::waiting::skip_a_build;

#[test]
fn its_threads_have_their_roles_and_only_the_idle_are_idle() {
    if skip_a_build() {
        return;
    }
    let program = built::smallest_cases();
    let target = Running::start(&program, &["pools"]);
    super::stripped::wait_for_each_kind(&target);
    // One worker and one thread for blocking work wait for work, as main does.
    let told = ["1 blocked: sleep; 1 idle", "main (idle)"];
    crate::wait_until("the others wait", || {
        let stack = crate::ask(&target, "stack", &[]).output;
        told.iter().all(|told| stack.contains(told))
    });
    for (call, shown) in [("sleep", "sleep"), ("recv", "futex wait"), ("read", "read")] {
        let target = Running::start(&program, &["blocked-main", call]);
        let shown = format!("main (blocked: {shown})");
        crate::wait_until("it is blocked", || crate::ask(&target, "stack", &[]).output.contains(&shown));
    }
}
