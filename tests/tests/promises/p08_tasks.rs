//! Promise 8: tasks are read, never changed. No future is polled for a listing, no worker is stopped, and a thousand
//! listings leave the program unchanged.

use rgops_inspect::client::{Client, ClientError, Endpoint};
use rgops_protocol::auth::Token;
use rgops_protocol::error::Code;
use rgops_protocol::reply::read::ReadPart;
use rgops_protocol::reply::tasks::{TaskThread, TasksPart};
use rgops_protocol::request::{MemoryRange, ReadRequest, Request, TasksRequest};
use rgops_tests::asking::{TIMEOUTS, ask, stats};
use rgops_tests::directory::Directory;
use rgops_tests::listing::Listing;
use rgops_tests::target::Target;
use rgops_tests::waiting::until;

const SECRET: &str = "swordfish-of-the-planted-secret";

fn number(target: &mut Target, order: &str) -> u64 {
    target.order(order).parse().unwrap()
}

#[test]
fn no_future_is_polled_and_the_runtime_continues() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.order("runtime 2");
    target.order("spawn 2000");
    target.order("beat");
    let path = target.listen("");
    until("all were polled once", || (number(&mut target, "polls") == 2000).then_some(()));
    let before = number(&mut target, "beats");
    for _ in 0..20 {
        let listing = Listing::of(&path, 16);
        assert_eq!((listing.runtimes.len(), listing.summary.memory.is_some()), (1, false));
        let list = listing.runtimes[0].list.value().unwrap();
        assert_eq!((list.shards, list.incomplete_shards, list.listed), (8, 0, 2001));
        assert_eq!(listing.tasks.len(), 2001);
        assert!(listing.read() >= 2000, "{} of 2001", listing.read());
        assert_eq!(listing.runtimes[0].alive_tasks.value(), Some(&2001));
    }
    assert_eq!(number(&mut target, "polls"), 2000, "they were not polled again");
    until("the runtime continues", || (number(&mut target, "beats") > before + 20).then_some(()));
    until("ours are gone", || (number(&mut target, "alive") == 2001).then_some(()));
    let runtime = stats(&path).runtimes.remove(0);
    let states = runtime.tasks.value().copied().unwrap();
    assert_eq!(states.running + states.scheduled + states.idle + states.complete, 2001);
    assert!(states.idle >= 2000 && runtime.alive_tasks == 2001, "{runtime:?}");
}

#[test]
fn a_thousand_listings_leave_nothing_behind() {
    let _alone = crate::alone();
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.order("runtime 2");
    target.order("spawn 500");
    let path = target.listen("");
    let resident = |target: &Target| -> u64 {
        target.status(None, "VmRSS").trim_end_matches(" kB").trim().parse().unwrap()
    };
    for depth in [0, 16] {
        (0..100).for_each(|_| assert_eq!(Listing::of(&path, depth).tasks.len(), 500));
    }
    let before = (resident(&target), target.settled_descriptors().len(), target.threads().len());
    (0..1000).for_each(|_| assert_eq!(Listing::of(&path, 0).tasks.len(), 500));
    until("ours are gone", || (number(&mut target, "alive") == 500).then_some(()));
    until("threads and descriptors are as before", || {
        (target.threads().len() == before.2 && target.all_descriptors().len() <= before.1).then_some(())
    });
    let after = resident(&target);
    assert!(after < before.0 + 2_048, "{} kB before, {after} kB after 1,000 listings", before.0);
}

#[test]
fn a_stuck_runtime_reuses_our_tasks() {
    let _alone = crate::alone();
    for how in ["spin", "mutex"] {
        let directory = Directory::new();
        let mut target = Target::start(&directory);
        target.order("runtime 2");
        let path = target.listen("");
        target.order(&format!("stick {how}"));
        target.order("spawn 100");
        let (mut before, mut alive) = (None, 0);
        for _ in 0..30 {
            let listing = Listing::of(&path, 16);
            let running = listing.running();
            assert_eq!(running.len(), 2, "{how}: {:?}", listing.runtimes);
            // Each is polled by the thread that reports it as its current task.
            for task in &running {
                let thread = listing.threads.iter().find(|thread| thread.stack.current_task == Some(*task));
                let has_stack = |thread: &TaskThread| !thread.stack.stack.frames.is_empty();
                assert!(thread.is_some_and(has_stack), "{how}, task {task}: {:#?}", listing.threads);
            }
            assert!(listing.summary.current_tasks.is_none(), "{:?}", listing.summary);
            let ids: Vec<u64> = listing.tasks.keys().copied().collect();
            assert_eq!(before.get_or_insert(ids.clone()), &ids, "{how}: the list stays the same");
            alive = number(&mut target, "alive");
            assert!(alive <= ids.len() as u64 + 8, "ours do not pile up: {alive}");
        }
        assert!(alive > 0);
    }
}

#[test]
fn a_program_that_is_not_dumpable_and_a_forked_one_are_also_listed() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.order("runtime 2");
    target.order("spawn 50");
    let path = target.listen("");
    assert_eq!(target.order("undumpable"), "undumpable");
    let listing = Listing::of(&path, 16);
    assert_eq!((listing.tasks.len(), listing.read()), (50, 50));
    let answer = target.order("fork listen");
    let child = answer.split_once("listening ").unwrap().1.trim().to_owned();
    target.line();
    // The child watches nothing: the parent's runtime has no threads in it.
    assert_eq!(Listing::of(&child, 16).runtimes.len(), 0);
    assert_eq!(Listing::of(&path, 16).tasks.len(), 50);
}

/// Memory is sent to users who could read it anyway, and over TCP only if the author allows it.
#[test]
fn memory_is_sent_over_tcp_only_if_the_author_allows_it() {
    let token = "swordfish-swordfish-swordfish";
    for allowed in [false, true] {
        let directory = Directory::new();
        let mut target = Target::start(&directory);
        target.order("runtime 1");
        target.order(&format!("keep {SECRET}"));
        let option = if allowed { "memory-over-tcp" } else { "" };
        let tcp = target.listen_tcp(&format!("tcp=127.0.0.1:0 token={token} {option}"));
        let connect = || {
            let token = Some(Token::new(token).unwrap());
            Client::connect(&Endpoint::Tcp { address: tcp.clone(), token }, TIMEOUTS).unwrap()
        };
        let request = Request::Tasks(TasksRequest { max_cell_bytes: 65_536, max_depth: 16 });
        let collected = connect().ask(&request).unwrap().collect::<TasksPart>(&mut |_| {});
        collected.end.unwrap();
        let contains = |parts: &[TasksPart]| {
            format!("{parts:?}")
                .contains(&format!("{:?}", SECRET.as_bytes()).trim_matches(['[', ']']).to_owned())
        };
        assert_eq!(contains(&collected.parts), allowed);
        let listing = Listing::new(collected.parts);
        assert_eq!((listing.tasks.len(), listing.read()), (1, usize::from(allowed)));
        let header = listing.tasks.values().next().unwrap().header_avma;
        let read = Request::Read(ReadRequest { ranges: vec![MemoryRange { avma: header, length: 64 }] });
        let answer = connect().ask(&read).unwrap().collect::<ReadPart>(&mut |_| {});
        if allowed {
            assert!(listing.summary.memory.is_none());
            assert_eq!(answer.parts[0].ranges[0].as_ref().map(Vec::len), Some(64));
            continue;
        }
        let refused = listing.summary.memory.unwrap();
        assert!(refused.fix.contains("Options::memory_over_tcp"), "{refused:?}");
        match answer.end {
            Err(ClientError::Agent(error)) => assert_eq!(error.code(), Code::NotAllowed),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn unmapped_memory_is_missing_and_too_large_requests_are_refused() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.order("runtime 1");
    target.order(&format!("keep {SECRET}"));
    let path = target.listen("");
    let header = Listing::of(&path, 0).tasks.values().next().unwrap().header_avma;
    let range = |avma, length| MemoryRange { avma, length };
    let read = |ranges| ask::<ReadPart>(&path, &Request::Read(ReadRequest { ranges })).unwrap();
    let mut wanted = vec![range(header, 128), range(8, 8), range(u64::MAX - 4, 16), range(header, 0)];
    wanted.extend((0..3000).map(|at| if at % 2 == 0 { range(header, 64) } else { range(at, 4096) }));
    let answer = read(wanted.clone());
    answer.end.unwrap();
    let ranges: Vec<_> = answer.parts.into_iter().flat_map(|part| part.ranges).collect();
    assert_eq!(ranges.len(), wanted.len());
    for (range, found) in wanted.iter().zip(&ranges) {
        let is_there = range.avma == header;
        assert_eq!(found.as_ref().map(Vec::len), is_there.then_some(range.length as usize), "{range:?}");
    }
    for ranges in [vec![range(header, 64 * 1024 + 1)], vec![range(header, 64 * 1024); 1025]] {
        match read(ranges).end {
            Err(ClientError::Agent(error)) => assert_eq!(error.code(), Code::Malformed, "{error}"),
            other => panic!("{other:?}"),
        }
    }
}
