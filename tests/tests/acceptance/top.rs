//! `rgops top` on a terminal, in a pipe, and at the end of its program.

use std::process::Command;

use rgops_tests::built;
use rgops_tests::running::{Running, rgops};
use rgops_tests::terminal::type_after;

/// Leaves the second screen of the terminal, on which programs like this draw.
const LEAVES: &str = "\u{1b}[?1049l";

fn top(pid: u32, options: &[&str]) -> Command {
    let mut command = Command::new(built::release("rgops"));
    command.args(["top", &pid.to_string(), "--interval", "300ms"]).args(options);
    command
}

#[test]
fn keys_change_the_view_and_q_gives_the_terminal_back() {
    let stuck = Running::start_and_wait(&built::release("stuck"), &["--all-workers"]);
    let keys = [("spin_forever", "2"), ("SPAWNED", "5"), ("live-heap", "?"), ("Keys", "q")];
    let screen = type_after(&mut top(stuck.pid(), &[]), 120, &keys);
    assert_eq!(screen.code, 0, "{}", screen.text);
    assert!(screen.text.contains(LEAVES), "{:?}", screen.text);
}

#[test]
fn a_program_that_ends_is_said_to_have_ended() {
    let stuck = Running::start_and_wait(&built::release("stuck"), &["--all-workers"]);
    let pid = stuck.pid();
    let first = rgops(&["top", &pid.to_string(), "--batch", "--count", "1", "--interval", "300ms"]);
    assert!(first.output.contains("stuck::"), "{first:?}");
    drop(stuck);
    let ended = rgops(&["top", &pid.to_string(), "--batch", "--count", "1"]);
    assert_eq!(ended.code, 3, "{ended:?}");
}

#[test]
fn rounds_are_documents_for_scripts() {
    let stuck = Running::start_and_wait(&built::release("stuck"), &["--all-workers"]);
    let pid = stuck.pid().to_string();
    let rounds = rgops(&["top", &pid, "--json", "--count", "2", "--interval", "300ms"]);
    let documents: Vec<serde_json::Value> =
        rounds.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(documents.len(), 2, "{rounds:?}");
    for document in &documents {
        assert_eq!(document["schema"], "rgops.top/1");
        assert_eq!(document["runtimes"][0]["workers"].as_array().unwrap().len(), 2);
        assert!(document["threads"].as_array().unwrap().len() >= 3, "{document}");
    }
    assert!(
        documents[0]["tasks"]["rows"][0]["name"].as_str().is_some_and(|name| name.starts_with("stuck::"))
    );
    // Growth is known from the second round on.
    assert!(documents[0]["tasks"]["rows"][0]["grown_by"].is_null());
    assert!(documents[1]["tasks"]["rows"][0]["grown_by"].is_i64());
}
