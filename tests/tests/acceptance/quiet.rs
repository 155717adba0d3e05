//! Sleeping threads of the examples are captured without a signal: nearly all of them, each of the others
//! with its reason, and of 5,000 threads none is left out. `RGOPS_LONG=1` looks 100 times at `shop` instead of 20.

use rgops_tests::built;
use rgops_tests::running::{Running, rgops};
use serde_json::Value;

/// Threads in the dumps of a program.
#[derive(Debug, Default)]
struct Seen {
    quiet: u64,
    /// Signalled though they slept.
    woken: u64,
    /// Signalled while they ran.
    running: u64,
}

#[test]
fn sleeping_threads_stay_asleep() {
    let _alone = crate::alone();
    let dumps = if std::env::var_os("RGOPS_LONG").is_some() { 100 } else { 20 };
    // `shop`'s come and go between sleep and work.
    let shop = Running::start(&built::release("shop"), &["--load", "500"]);
    check("shop", &look(&shop, dumps));
    drop(shop);
    let stuck = Running::start_and_wait(&built::release("stuck"), &["--all-workers", "--lock"]);
    check("stuck", &look(&stuck, dumps / 10));
    drop(stuck);
    let crowd = Running::start_and_wait(&built::release("crowd"), &["5000"]);
    let seen = look(&crowd, 1);
    check("crowd", &seen);
    // The main thread as well, and the agent's that waits for sockets; that which answers is none of these.
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

/// What so many dumps show.
fn look(program: &Running, dumps: u32) -> Seen {
    let mut seen = Seen::default();
    for _ in 0..dumps {
        let answer = rgops(&["stack", &program.pid().to_string(), "--json"]);
        let json = answer.json();
        // 6 would be: in part. What lacks is in the notes, or a thread that was not captured.
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
