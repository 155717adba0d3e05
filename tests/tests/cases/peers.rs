//! The addresses of a socket stand beside its descriptor.

use rgops_tests::running::Running;
use rgops_tests::waiting;
use serde_json::Value;

#[test]
fn a_task_that_waits_for_a_socket_is_shown_with_its_peer() {
    let (target, local, peer) = start();
    let socket = waiting::until("the task waits for its socket", || {
        let tasks = crate::ask(&target, "tasks", &["--json", "--match", "read_from_quiet"]).json();
        let waits = tasks["tasks"].as_array()?.iter().flat_map(|task| task["waits_on"].as_array()).flatten();
        let sockets = waits.map(|resource| resource["socket"].clone());
        sockets.into_iter().find(|socket| socket.is_object())
    });
    assert_eq!(socket["protocol"], "tcp");
    assert_eq!((socket["local"].as_str(), socket["peer"].as_str()), (Some(&*local), Some(&*peer)));
    assert_eq!(socket["state"], Value::from("ESTABLISHED"));
    let text = crate::ask(&target, "tasks", &["--match", "read_from_quiet"]).output;
    assert!(text.contains(&format!("(tcp {local} → {peer})")), "{text}");
}

/// The program, and the addresses of the socket that nobody writes to.
fn start() -> (Running, String, String) {
    let mut target = crate::start(&["since-when"]);
    let line = target.line();
    let words: Vec<&str> = line.split_whitespace().collect();
    (target, words[1].to_owned(), words[2].to_owned())
}
