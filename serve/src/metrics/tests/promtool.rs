//! `promtool`, the referee of Prometheus.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Runs `promtool ARGUMENTS` with this input; fails the test if it finds anything. Skips, with a notice, where it is
/// not installed.
pub(super) fn accepts(arguments: &[&str], input: &str) {
    let started = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = started else {
        assert!(std::env::var_os("RGOPS_NO_SKIP").is_none(), "promtool is missing");
        println!("SKIPPED: promtool is missing; install Debian's prometheus");
        return;
    };
    let mut stdin = promtool.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = promtool.wait_with_output().unwrap();
    let found =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "promtool {}: {found}", arguments.join(" "));
    writer.join().unwrap().unwrap();
}
