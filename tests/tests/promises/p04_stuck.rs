//! Promise 4: the agent answers while the program is stuck, with less than a second of CPU time. A thread that is
//! stopped inside malloc is tested in `p04_stopped_in_malloc.rs`, because it needs its own program.

use rgops_protocol::reply::stack::StackPart;
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::request::{Request, StackRequest, VersionRequest};
use rgops_tests::asking::{ask, counters, stats};
use rgops_tests::directory::Directory;
use rgops_tests::listing::Listing;
use rgops_tests::target::Target;

/// Maximum CPU time of the agent for all answers together. Its CPU clock is tested because the elapsed time depends
/// on the machine. That it waits for nothing in the program is proved by its answering at all.
const MAX_CPU_NS: u64 = 1_000_000_000;

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
    assert!(used(before) < MAX_CPU_NS, "{} ns", used(before));
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
