//! Reads our trace file with Perfetto's message definitions (PyPI package `perfetto`): it has no unknown fields, and
//! its slices have the times of our summary.

use std::env;
use std::path::Path;
use std::process::Command;

use rgops_tests::built;
use rgops_tests::program::finished;
use rgops_tests::running::Running;
use rgops_tests::traced::Traced;
use serde_json::Value;

const KINDS: [&str; 9] =
    ["running", "runnable", "futex", "network", "poll", "file", "sleeping", "other", "unknown"];

#[test]
fn perfetto_reads_our_file_and_shows_the_same_numbers() {
    if !perfetto_is_there() {
        return;
    }
    let split = Running::start_and_wait(&built::release("split"), &[]);
    let theirs = compare(&Traced::take(&split, 2, 199));
    let leaves = theirs["leaves"].as_array().unwrap();
    assert!(!leaves.is_empty(), "{theirs:#}");
    drop(split);

    let shop = Running::start(&built::release("shop"), &["--load", "200"]);
    let theirs = compare(&Traced::take(&shop, 2, 0));
    for counter in ["busy workers", "parked workers", "alive tasks", "global queue"] {
        let values = theirs["counters"][format!("runtime main: {counter}")].as_u64();
        assert!(values.is_some_and(|values| values > 1), "{counter}: {theirs:#}");
    }
}

/// Compares the file with the JSON output of the command.
fn compare(traced: &Traced) -> Value {
    let theirs = check(&traced.file);
    assert_eq!(theirs["process"], traced.json["process"]["name"]);
    assert_eq!(theirs["samples"], traced.json["sample_weight"]);
    let threads = theirs["threads"].as_array().unwrap();
    assert_eq!(threads.len(), traced.threads().len());
    for ours in traced.threads() {
        let thread = threads.iter().find(|thread| thread["tid"] == ours["tid"]).unwrap();
        assert_eq!(thread["name"], ours["name"]);
        for kind in KINDS {
            let time = thread["times"][kind].as_u64().unwrap_or(0);
            assert_eq!(time, ours[format!("{kind}_ns")].as_u64().unwrap(), "{kind} of {thread}");
        }
    }
    println!("{} threads and {} samples are the same", threads.len(), theirs["samples"]);
    theirs
}

fn check(file: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("referee/perfetto_check.py");
    let output = finished(Command::new(python()).arg(script).arg(file));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn python() -> String {
    env::var("RGOPS_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Whether Perfetto is installed. With `RGOPS_NO_SKIP=1` a missing Perfetto is a failure.
fn perfetto_is_there() -> bool {
    let import = "import perfetto.protos.perfetto.trace.perfetto_trace_pb2";
    let found = Command::new(python()).args(["-c", import]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert!(env::var_os("RGOPS_NO_SKIP").is_none(), "the Python package perfetto is missing");
    println!(
        "SKIPPED: {} has no package perfetto; install it with `pip install perfetto==0.59.1 protobuf==7.36.2` \
         and name that python in $RGOPS_PYTHON",
        python()
    );
    false
}
