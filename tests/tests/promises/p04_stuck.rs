//! Promise 4: the agent answers while the program is stuck, with less than a second of CPU time. A thread stopped
//! inside malloc is `p04_stopped_in_malloc.rs`, as that needs a program of its own.

use rgops_protocol::reply::stack::StackPart;
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::request::{Request, StackRequest, VersionRequest};
use rgops_tests::asking::{ask, counters, stats};
use rgops_tests::directory::Directory;
use rgops_tests::listing::Listing;
use rgops_tests::target::Target;

/// What the agent may use for all answers together. It is its own clock that counts: when it gets a CPU is
/// for the machine to say, and that it waits for nothing of the program shows by its answering at all.
const MOST_CPU_NS: u64 = 1_000_000_000;

fn check(path: &str, threads: usize) {
    let used = |before: u64| counters(path).cpu_ns.value().unwrap() - before;
    let before = used(0);
    let stack = ask::<StackPart>(path, &Request::Stack(StackRequest { max_depth: 64 })).unwrap();
    assert!(stack.end.is_ok(), "{:?}", stack.end);
    let listed: usize = stack
        .parts
        .iter()
        .map(|part| match part {
            StackPart::Threads(threads) => threads.len(),
            _ => 0,
        })
        .sum();
    assert!(listed >= threads, "{listed} of {threads} threads");

    let listing = Listing::of(path, 64);
    assert!(listing.runtimes[0].list.value().is_some(), "{:?}", listing.runtimes);
    assert_eq!(listing.running().len(), 3, "every worker polls one");

    assert!(stats(path).thread_activity.len() >= threads);
    let version = ask::<VersionReply>(path, &Request::Version(VersionRequest {})).unwrap();
    assert!(version.end.is_ok(), "{:?}", version.end);
    assert!(used(before) < MOST_CPU_NS, "{} ns", used(before));
}

#[test]
fn while_all_workers_are_stuck_and_the_lock_of_stdout_is_held() {
    let _alone = crate::alone();
    for how in ["spin", "mutex"] {
        let directory = Directory::new();
        let mut target = Target::start(&directory);
        target.order("runtime 3");
        let path = target.listen("");
        assert_eq!(target.order(&format!("stick {how}")), "stuck");
        check(&path, 5);
        assert_eq!(target.order("hold-stdout"), "held");
        check(&path, 6);
    }
}
