//! Runs a program and asks the kernel what it took.

use std::path::Path;
use std::process::{Command, Stdio};

/// What a run took.
pub struct Run {
    /// In user and system mode, of the program and what it started.
    pub cpu_s: f64,
    /// The most memory that it had.
    pub memory_mb: f64,
}

/// Runs `program` with `arguments` and a profile; `None` if it failed or took longer than ten minutes.
pub fn run(program: &Path, arguments: &[&str], profile: &Path) -> Option<Run> {
    // `timeout` is in every distribution; without it a peer could run for hours.
    let child = Command::new("timeout")
        .arg("600")
        .arg(program)
        .args(arguments)
        .arg(profile)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut status = 0;
    // SAFETY: both are plain data for which zeros are valid; the kernel overwrites them.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the process is our child that nobody else waits for, and the pointers are to live variables.
    let waited = unsafe { libc::wait4(child.id() as libc::pid_t, &raw mut status, 0, &raw mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    (waited > 0 && status == 0).then(|| Run {
        cpu_s: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        memory_mb: usage.ru_maxrss as f64 / 1024.0,
    })
}
