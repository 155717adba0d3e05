//! Heap sampling across forks and closed agents, without the wrapper or without an agent; early ends of a window; `gc`.

use rgops_inspect::client::ClientError;
use rgops_protocol::error::Code;
use rgops_protocol::reply::gc::GcReply;
use rgops_protocol::reply::pprof_heap::PprofHeapPart;
use rgops_protocol::request::{GcRequest, HeapRateRequest, PprofHeapRequest, Request};
use rgops_tests::asking::{ask, connect};
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;
use rgops_tests::waiting::until;

use super::profile::{Profile, snapshot, start};

#[test]
fn a_fork_child_has_its_own_heap_and_its_own_agent() {
    let directory = Directory::new();
    let mut target = start(&directory);
    let path = target.listen("10000");
    target.order("keep 1000 10000");
    let child = target.order("fork 10000");
    let childs = child.strip_prefix("listening ").unwrap_or_else(|| panic!("{child}"));
    assert!(target.line().starts_with("forked "));
    let (childs, parents) = (snapshot(childs), snapshot(&path));
    parents.check();
    childs.check();
    let samples = |profile: &Profile| profile.live.iter().filter(|block| block.size_bytes == 10_000).count();
    // The expected numbers are 632 of 1000, and twice that; σ 15.
    assert!((540..730).contains(&samples(&parents)), "{}", samples(&parents));
    assert!((1120..1410).contains(&samples(&childs)), "{}", samples(&childs));
}

#[test]
fn a_closed_agent_stops_sampling_and_the_next_one_continues() {
    let directory = Directory::new();
    let mut target = start(&directory);
    let path = target.listen("1");
    target.order("keep 100 500");
    let before = snapshot(&path);
    target.order("close");
    target.order("keep 100 500");
    let path = target.listen("1");
    let after = snapshot(&path);
    after.check();
    let kept = |profile: &Profile| profile.live.iter().filter(|block| block.size_bytes == 500).count();
    assert_eq!((kept(&before), kept(&after)), (100, 100));
}

#[test]
fn a_window_ends_early_on_request() {
    let directory = Directory::new();
    let mut target = start(&directory);
    let path = target.listen("1000");
    let request = Request::PprofHeap(PprofHeapRequest { duration_ms: 60_000, interval_ms: 100, live: false });
    let mut answer = connect(&path).unwrap().ask(&request).unwrap();
    answer.finisher().finish();
    let collected = answer.collect::<PprofHeapPart>(&mut |_| {});
    let end = collected.end.unwrap();
    assert!(end.notes.iter().any(|note| note.why.contains("ended on request")), "{end:?}");
    assert!(Profile::new(collected.parts).totals.len() >= 2);
}

#[test]
fn gc_releases_free_memory_and_reports_it_before_and_after() {
    let directory = Directory::new();
    let mut target = start(&directory);
    let path = target.listen("524288");
    // 80 MB; every 64th block stays. glibc cannot shrink its arena, but it can release pages inside it.
    target.order("fill 200000 400");
    target.order("thin 64");
    let collected = ask::<GcReply>(&path, &Request::Gc(GcRequest {})).unwrap();
    collected.end.unwrap();
    let released = collected.parts[0].allocators.last().unwrap();
    if cfg!(target_env = "gnu") {
        assert_eq!(
            (released.allocator.as_str(), released.called.value().map(String::as_str)),
            ("glibc", Some("malloc_trim(0)"))
        );
        assert!(released.after.iter().any(|field| field.name == "heap-idle"), "{released:?}");
        let rss = |value: &rgops_protocol::reply::Known<u64>| *value.value().unwrap();
        let difference = rss(&released.rss_before_bytes).saturating_sub(rss(&released.rss_after_bytes));
        assert!(difference > 40_000_000, "{released:?}");
    }
}

#[test]
fn without_the_wrapper_the_lines_to_add_are_shown() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    for request in [
        Request::PprofHeap(PprofHeapRequest { duration_ms: 0, interval_ms: 0, live: false }),
        Request::HeapRate(HeapRateRequest { set_bytes: None }),
    ] {
        match ask::<PprofHeapPart>(&path, &request).unwrap().end {
            Err(ClientError::Agent(error)) => {
                assert_eq!(error.code(), Code::Unsupported);
                assert!(error.fix.contains("#[global_allocator]"), "{}", error.fix);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Linking the wrapper opens nothing (promise 1): no thread, no descriptor, no mapping.
#[test]
fn the_wrapper_alone_opens_nothing() {
    let directory = Directory::new();
    let target = start(&directory);
    let of = |what: &str| std::fs::read_dir(format!("/proc/{}/{what}", target.pid())).unwrap().count();
    until("it is idle", || (of("task") == 1).then_some(()));
    assert_eq!(of("fd"), 3);
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", target.pid())).unwrap();
    // `listen` maps the tables: anonymous memory, larger than any other mapping of a small program.
    let largest = maps
        .lines()
        .filter(|line| line.split_whitespace().count() == 5)
        .map(|line| {
            let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            u64::from_str_radix(end, 16).unwrap() - u64::from_str_radix(start, 16).unwrap()
        })
        .max();
    assert!(largest.unwrap_or(0) < 1 << 20, "{maps}");
}
