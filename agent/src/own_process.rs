//! For tests of what the whole process does: they run in a process of their own, started again from the
//! test executable, where no other test allocates, starts threads or maps anything.

use std::process::Command;

/// Runs the ignored test `name`, given with its module path, and returns what it printed.
///
/// # Panics
/// When it fails; with what it printed.
pub(crate) fn run(name: &str) -> String {
    let output = Command::new(std::env::current_exe().expect("Linux knows it"))
        .args(["--ignored", "--exact", name, "--nocapture", "--test-threads=1"])
        .output()
        .expect("this executable starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.into_owned()
}
