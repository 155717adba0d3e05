//! Waiting for a condition, and skipping tests that a machine cannot run.

use std::time::{Duration, Instant};

/// How long a test waits for an event. Not an expected duration: the machine may be busy.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Polls until there is an answer.
///
/// # Panics
/// When there is none within [`DEADLINE`]; names what was waited for.
pub fn until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(begin.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether to skip the test because this machine lacks something; prints a notice.
///
/// # Panics
/// When the machine must have it (`RGOPS_NO_SKIP=1`).
pub fn skip_unless(has: bool, what: &str) -> bool {
    if !has {
        assert!(std::env::var_os("RGOPS_NO_SKIP").is_none(), "this needs {what}");
        println!("SKIPPED: this needs {what}");
    }
    !has
}

/// Whether to skip a test that builds Tokio and the agent once more, with options that no other test uses. This takes
/// half a minute each. `RGOPS_BUILDS=1`, as in CI, and `RGOPS_LONG=1` include these tests.
pub fn skip_a_build() -> bool {
    let is_left_out = ["RGOPS_BUILDS", "RGOPS_LONG"].iter().all(|name| std::env::var_os(name).is_none());
    if is_left_out {
        println!("SKIPPED: this builds Tokio once more; run with RGOPS_BUILDS=1");
    }
    is_left_out
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    // SAFETY: geteuid(2) takes no argument, cannot fail and touches no memory.
    unsafe { libc::geteuid() == 0 }
}
