//! Promise 4: the agent answers in under a second while the program is stuck. A thread stopped
//! inside malloc is `p04_stopped_in_malloc.rs`, as that needs a program of its own.

use std::time::{Duration, Instant};

use rgops_protocol::reply::stack::StackPart;
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::request::{Request, StackRequest, VersionRequest};
use rgops_tests::asking::{ask, stats};
use rgops_tests::directory::Directory;
use rgops_tests::listing::Listing;
use rgops_tests::target::Target;

const AT_ONCE: Duration = Duration::from_secs(1);

fn check(path: &str, threads: usize) {
    let asked = Instant::now();
    let stack = ask::<StackPart>(path, &Request::Stack(StackRequest { max_depth: 64 })).unwrap();
    assert!(stack.end.is_ok(), "{:?}", stack.end);
    assert!(asked.elapsed() < AT_ONCE, "stack took {:?}", asked.elapsed());
    let listed: usize = stack
        .parts
        .iter()
        .map(|part| match part {
            StackPart::Threads(threads) => threads.len(),
            _ => 0,
        })
        .sum();
    assert!(listed >= threads, "{listed} of {threads} threads");

    let asked = Instant::now();
    let listing = Listing::of(path, 64);
    assert!(asked.elapsed() < AT_ONCE, "tasks took {:?}", asked.elapsed());
    assert!(listing.runtimes[0].list.value().is_some(), "{:?}", listing.runtimes);
    assert_eq!(listing.running().len(), 3, "every worker polls one");

    let asked = Instant::now();
    assert!(stats(path).thread_activity.len() >= threads);
    assert!(asked.elapsed() < AT_ONCE, "stats took {:?}", asked.elapsed());
    let version = ask::<VersionReply>(path, &Request::Version(VersionRequest {})).unwrap();
    assert!(version.end.is_ok(), "{:?}", version.end);
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
