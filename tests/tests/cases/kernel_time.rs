//! CPU time in the kernel: that of a thread that reads all the time, and none of one that only computes.

use rgops_tests::directory::Directory;
use rgops_tests::waiting;
use serde_json::Value;

/// Samples that are enough to tell which part is larger.
const ENOUGH: u64 = 10;

/// A profile with samples as JSON, and its row of the function that does the work.
fn profiled(how: &str, function: &str) -> (Value, Value) {
    let (target, directory) = (crate::start(&["kernel-time", how]), Directory::new());
    let file = directory.path().join("profile").display().to_string();
    let options: [&str; 7] = ["--duration", "1", "--hz", "199", "--force", "--output", &file];
    let screen = crate::ask(&target, "pprof-cpu", &options).output;
    assert!(screen.lines().any(|line| line.starts_with("kernel: ")), "{screen}");
    waiting::until("there are samples", || {
        let profile = crate::ask(&target, "pprof-cpu", &[&options[..], &["--json"]].concat()).json();
        let own = profile["your_code"].as_array().unwrap();
        let row = own.iter().find(|row| row["function"] == function).cloned();
        let samples = profile["reconciliation"]["samples"].as_u64().unwrap();
        row.filter(|_| samples >= ENOUGH).map(|row| (profile, row))
    })
}

#[test]
fn a_thread_that_reads_all_the_time_is_in_the_kernel() {
    let (profile, row) = profiled("reads", "cases::kernel_time::reads_zeros");
    let (all, kernel) = (row["ns"].as_u64().unwrap(), row["kernel_ns"].as_u64().unwrap());
    assert!(kernel > all / 2 && kernel <= all, "{row}");
    assert!(profile["kernel"]["system_calls_ns"].as_u64().unwrap() >= kernel, "{profile}");
}

#[test]
fn a_thread_that_computes_is_not() {
    let (_, row) = profiled("computes", "cases::kernel_time::computes");
    assert!(row["ns"].as_u64().unwrap() > 0 && row["kernel_ns"].as_u64() == Some(0), "{row}");
}
