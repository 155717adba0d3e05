//! Sleeping threads of the examples are captured without a signal: nearly all of them, and the others each with a
//! reason. Of 5,000 threads none is missing. `RGOPS_LONG=1` takes 100 dumps of `shop` instead of 20.

use rgops_tests::built;
use rgops_tests::running::{Running, rgops};
use serde_json::Value;

/// Threads in the dumps of a program, by kind of capture.
#[derive(Debug, Default)]
struct Seen {
    quiet: u64,
    /// Sleeping threads that were signalled.
    woken: u64,
    /// Running threads that were signalled.
    running: u64,
}

#[test]
fn sleeping_threads_stay_asleep() {
    let _alone = crate::alone();
    let dumps = if std::env::var_os("RGOPS_LONG").is_some() { 100 } else { 20 };
    // The threads of `shop` alternate between sleep and work.
    let shop = Running::start(&built::release("shop"), &["--load", "500"]);
    check("shop", &look(&shop, dumps));
    drop(shop);
    let stuck = Running::start_and_wait(&built::release("stuck"), &["--all-workers", "--lock"]);
    check("stuck", &look(&stuck, dumps / 10));
    drop(stuck);
    let crowd = Running::start_and_wait(&built::release("crowd"), &["5000"]);
    let seen = look(&crowd, 1);
    check("crowd", &seen);
    // With the main thread and the agent's thread that waits for sockets. The answering thread is in none of these
    // counts.
    assert_eq!(seen.quiet + seen.woken + seen.running, 5002, "{seen:?}");
}

fn check(name: &str, seen: &Seen) {
    println!("{name}: {seen:?}");
    assert!(seen.quiet * 100 >= (seen.quiet + seen.woken) * 95, "{name}: {seen:?}");
}

/// The threads that were not captured.
fn without_frames(json: &Value) -> Value {
    let threads = json["threads"].as_array().into_iter().flatten();
    threads.filter(|thread| thread["capture"] == "failed").cloned().collect()
}

/// The counts of this number of dumps.
fn look(program: &Running, dumps: u32) -> Seen {
    let mut seen = Seen::default();
    for _ in 0..dumps {
        let answer = rgops(&["stack", &program.pid().to_string(), "--json"]);
        let json = answer.json();
        // A partial answer would be 6. The notes or a thread without capture show the reason.
        assert_eq!(answer.code, 0, "{} {} {:#}", answer.errors, json["notes"], without_frames(&json));
        for thread in json["threads"].as_array().expect("a dump has threads") {
            match (thread["capture"].as_str(), &thread["by_signal_because"]) {
                (Some("quiet"), _) => seen.quiet += 1,
                (Some("signal"), Value::Null) => seen.running += 1,
                (Some("signal"), because) => {
                    println!("{}: {because}", thread["name"]);
                    seen.woken += 1;
                }
                (Some("own_thread"), _) => {}
                _ => panic!("not captured: {thread}"),
            }
        }
    }
    seen
}
