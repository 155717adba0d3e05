//! Waiting for a condition, and doing without what a machine cannot do.

use std::time::{Duration, Instant};

/// How long a test waits for what must come. Not how long it may take: a machine may be busy with other things.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks until there is an answer.
///
/// # Panics
/// When there is none within [`DEADLINE`]; says what was waited for.
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

/// Whether the test cannot go on because this machine lacks something; says so.
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

/// Whether this process is root's.
pub fn is_root() -> bool {
    // SAFETY: geteuid(2) takes no argument, cannot fail and touches no memory.
    unsafe { libc::geteuid() == 0 }
}
