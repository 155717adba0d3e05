//! A service under load: a task that was polled while it was read is read again, so nearly all tasks have their
//! stack. Tasks that never stay unchanged are counted, not shown.

use rgops_tests::built;
use rgops_tests::running::{Running, rgops};
use rgops_tests::waiting::until;

/// Number of tries; on a loaded machine the requests come in bursts.
const TRIES: usize = 5;

#[test]
fn connections_that_are_polled_all_the_time_have_their_stacks() {
    let _alone = crate::alone();
    let shop = Running::start(&built::release("shop"), &["--load", "200"]);
    let pid = shop.pid().to_string();
    // The debug information is read only once.
    let connections = |json: &serde_json::Value| {
        let tasks = json["tasks"].as_array().unwrap();
        let future = |task: &&serde_json::Value| task["future"].as_str().unwrap_or("").to_owned();
        tasks.iter().filter(|task| future(task).starts_with("axum::serve::handle_connection")).count()
    };
    until("the load is there", || {
        (connections(&rgops(&["tasks", &pid, "--json"]).json()) >= 16).then_some(())
    });
    let mut seen = Vec::new();
    for _ in 0..TRIES {
        let json = rgops(&["tasks", &pid, "--json"]).json();
        let count = |name: &str| json["counts"][name].as_u64().unwrap();
        println!("{}", json["counts"]);
        assert_eq!(
            count("decoded") + count("running") + count("cut") + count("moved") + count("complete"),
            count("listed")
        );
        assert_eq!(count("unknown"), 0);
        assert!(connections(&json) >= 16);
        seen.push(count("moved"));
    }
    // Without the second read, all 16 connections would be reported as changed.
    assert!(*seen.iter().min().unwrap() <= 1, "tasks that moved, by try: {seen:?}");
}
