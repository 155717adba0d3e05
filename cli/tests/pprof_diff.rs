//! `rgops pprof -diff OLD NEW`: its text, its document and its exit codes.

#![expect(clippy::unwrap_used, reason = "tests")]
#![cfg(target_os = "linux")]

mod profiles;
mod program;

use std::path::Path;
use std::process::Output;

use profiles::profile;
use program::{code, rgops, stderr, stdout};
use rgops_tests::directory::Directory;

/// OLD and NEW, in which `shop::checkout` takes 40 % more, and `shop::log` is as slow as before.
fn compared(options: &[&str]) -> Output {
    let directory = Directory::new();
    let functions = |checkout: i64| {
        [("shop::checkout", checkout), ("shop::log", 1000)]
            .map(|(name, ms)| (name.to_owned(), ms * 1_000_000))
    };
    let at = |name: &str| directory.path().join(name);
    let old = profile(&at("old.pb.gz"), &functions(2000), 10).display().to_string();
    let new = profile(&at("new.pb.gz"), &functions(2800), 10).display().to_string();
    rgops(&[&["pprof", "-diff"], options, &[&old, &new]].concat())
}

#[test]
fn what_got_slower_is_said_and_the_limit_decides_for_ci() {
    let output = compared(&[]);
    assert_eq!(
        stdout(&output),
        "\
Type: cpu (nanoseconds) of functions
Old: 3s in 10s, 3000 samples
New: 3.80s in 10s, 3800 samples
Total: 300ms/s -> 380ms/s, +26.7% per second (p <0.001)

Got slower (1):
  old    new    old/s    new/s  change       p  function
   2s  2.80s  200ms/s  280ms/s  +40.0%  <0.001  shop::checkout

Nothing else changed.
p: the probability of such a change by the chance of sampling alone (samples), for all 2 functions together; below 0.05 is significant.
"
    );
    assert_eq!(code(&output), 0, "{output:?}");
    let above = compared(&["--fail-above", "5%"]);
    assert_eq!(code(&above), 9, "{above:?}");
    assert!(stderr(&above).contains("and 1 more"), "{}", stderr(&above));
    assert_eq!(code(&compared(&["--fail-above", "50%"])), 0);
}

#[test]
fn the_document_matches_the_committed_schema() {
    let output = compared(&["-json", "--fail-above", "30"]);
    assert_eq!(code(&output), 9);
    let document: serde_json::Value = serde_json::from_str(stdout(&output)).unwrap();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pprof/schemas/pprof-diff.json");
    let schema = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    assert_eq!(rgops_tests::schema::wrong(&schema, &document), [""; 0]);
    assert_eq!(document["schema"], "rgops.pprof-diff/1");
    assert_eq!(document["functions"][0]["function"], "shop::checkout");
    assert_eq!(document["functions"][0]["trend"], "grew");
}

#[test]
fn what_cannot_be_compared_or_decided_is_a_wrong_command_line() {
    let one = rgops(&["pprof", "-diff", "/dev/null"]);
    assert_eq!(code(&one), 2, "{one:?}");
    let missing = compared(&["-sample_index", "inuse_space"]);
    assert_eq!(code(&missing), 2, "{missing:?}");
    assert!(stderr(&missing).contains("must be one of: [samples cpu]"), "{}", stderr(&missing));
    let format = compared(&["-top"]);
    assert!(code(&format) == 2 && stderr(&format).contains("only -json"), "{format:?}");
}
