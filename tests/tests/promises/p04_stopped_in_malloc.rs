//! Promise 4: the agent answers while a thread of the program is stopped inside malloc, and holds an arena's lock for
//! ever.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use rgops_inspect::client::{Client, Endpoint, Timeouts};
use rgops_protocol::received::Received;
use rgops_protocol::reply::Known;
use rgops_protocol::reply::memstats::MemstatsReply;
use rgops_protocol::reply::stats::StatsReply;
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::request::{MemstatsRequest, Request, StatsRequest, VersionRequest};
use rgops_tests::itself::{self, Itself};

static ALLOCATING: AtomicI32 = AtomicI32::new(0);

/// A program with a thread that only allocates, in its own arena, and about half of the time under the arena's lock,
/// until a signal stops it there for ever.
#[test]
#[ignore = "started by the other test"]
fn target() {
    if !itself::is_target() {
        return;
    }
    let agent = rgops_agent::listen(rgops_agent::Options::default()).unwrap();
    let allocating = std::thread::Builder::new().name("allocating".into()).spawn(|| {
        // SAFETY: the handler only calls pause(2), which is async-signal-safe.
        unsafe { libc::signal(libc::SIGUSR1, stop as *const () as libc::sighandler_t) };
        // SAFETY: gettid(2) has no preconditions.
        ALLOCATING.store(unsafe { libc::gettid() }, Ordering::SeqCst);
        loop {
            // More blocks than the thread's cache holds, so each takes a chunk from the arena and frees it there.
            let blocks: Vec<Vec<u8>> = (0..1000).map(|_| Vec::with_capacity(2000)).collect();
            std::hint::black_box(&blocks);
        }
    });
    drop(allocating.unwrap());
    while ALLOCATING.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    itself::wait_for_input(&agent);
    // SAFETY: the thread runs as long as the process, so its id is still its own.
    unsafe {
        libc::syscall(libc::SYS_tgkill, libc::getpid(), ALLOCATING.load(Ordering::SeqCst), libc::SIGUSR1)
    };
    let _ = std::io::stdin().read_line(&mut String::new());
    // SAFETY: _exit(2) has no preconditions. exit(3) could wait for the lock.
    unsafe { libc::_exit(0) };
}

extern "C" fn stop(_signal: libc::c_int) {
    loop {
        // SAFETY: pause(2) has no preconditions.
        unsafe { libc::pause() };
    }
}

fn ask<T: Received>(address: &str, request: Request) -> T {
    let endpoint = Endpoint::Local { path: address.into(), expected: None };
    let timeouts = Timeouts { connect: Duration::from_secs(60), silence: Duration::from_secs(60) };
    let client = Client::connect(&endpoint, timeouts).unwrap();
    let mut collected = client.ask(&request).unwrap().collect::<T>(&mut |_| {});
    collected.end.unwrap();
    collected.parts.pop().unwrap()
}

fn allocated(address: &str) -> Known<u64> {
    let memory: MemstatsReply = ask(address, Request::Memstats(MemstatsRequest {}));
    let glibc = memory.sections.iter().find(|section| section.name == "glibc").unwrap();
    assert!(memory.sections[0].fields[0].value.value().is_some(), "rss needs no lock");
    glibc.fields.iter().find(|field| field.name == "alloc").unwrap().value.clone()
}

#[test]
fn an_arena_lock_held_for_ever_hides_only_the_allocators_numbers() {
    let _alone = crate::alone();
    let mut refused = None;
    // The signal may arrive while the lock is free: then start the program again.
    for _ in 0..10 {
        let mut target = Itself::start("p04_stopped_in_malloc::target");
        let address = target.address().to_owned();
        target.resume();
        let Some(reason) = stuck(&address) else { continue };

        let stats: StatsReply = ask(&address, Request::Stats(StatsRequest { window_ms: 50 }));
        assert!(stats.thread_activity.iter().any(|thread| thread.name == "allocating"));
        let version: VersionReply = ask(&address, Request::Version(VersionRequest {}));
        assert!(version.rustc.starts_with("rustc"));
        let again = allocated(&address);
        assert!(again.value().is_none(), "{again:?}");
        // However often it is requested, only one thread waits.
        let waiting = |stats: &StatsReply| {
            stats.thread_activity.iter().filter(|thread| thread.name == "rgops-malloc").count()
        };
        assert_eq!(waiting(&ask(&address, Request::Stats(StatsRequest { window_ms: 20 }))), 1);
        refused = Some(reason);
        break;
    }
    assert!(refused.unwrap().contains("perhaps by a thread stopped inside malloc"));
}

/// The reason why the allocator's numbers are unavailable, once the signal has stopped the thread.
fn stuck(address: &str) -> Option<String> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        let stats: StatsReply = ask(address, Request::Stats(StatsRequest { window_ms: 20 }));
        let allocating = stats.thread_activity.iter().find(|thread| thread.name == "allocating");
        if allocating.is_some_and(|thread| thread.running_ns == Known::Value(0) && thread.state == 'S') {
            return match allocated(address) {
                Known::Unavailable(missing) => Some(missing.reason),
                Known::Value(_) => None,
            };
        }
    }
    None
}
