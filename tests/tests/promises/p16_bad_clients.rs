//! Promise 16: a silent, slow, half-closed or lying client delays no other client, and leaks nothing.

use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rgops_protocol::error::Code;
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::request::{Request, StackRequest, VersionRequest};
use rgops_tests::asking::{Raw, ask, counters, hello, is_alone, request};
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;
use rgops_tests::waiting::until;

fn ask_version(path: &str) {
    let version = ask::<VersionReply>(path, &Request::Version(VersionRequest {})).unwrap();
    assert!(version.end.is_ok(), "{:?}", version.end);
}

#[test]
fn bad_clients_delay_no_other_client() {
    let _alone = crate::alone();
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let is_over = AtomicBool::new(false);

    let _silent: Vec<Raw> = (0..10).map(|_| Raw::connect(&path).unwrap()).collect();
    let _greeted: Vec<Raw> = (0..10).map(|_| Raw::greeted(&path)).collect();
    let mut half_closed: Vec<Raw> = (0..10).map(|_| Raw::greeted(&path)).collect();
    for raw in &mut half_closed {
        raw.0.shutdown(Shutdown::Write).unwrap();
    }
    // Requests a large answer and reads none of it.
    let mut greedy = Raw::greeted(&path);
    greedy.send(&request(&Request::Stack(StackRequest { max_depth: 512 })));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut slow = Raw::connect(&path).unwrap();
            for byte in hello() {
                slow.send(&[byte]);
                // One byte per second, in steps short enough to end with the test.
                let sent = Instant::now();
                while sent.elapsed() < Duration::from_secs(1) {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        });
        // If this request had waited for one of them, that one would be gone: its deadline has passed.
        ask_version(&path);
        let others = counters(&path).open_connections - 1;
        is_over.store(true, Ordering::Relaxed);
        // Clients that closed are gone; the silent ones and those after the handshake are still connected.
        assert!(others >= 20, "only {others} of them were left when another client was answered");
    });
}

#[test]
fn silent_and_slow_clients_are_closed_at_a_deadline() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let mut silent = Raw::connect(&path).unwrap();
    silent.magic();
    let greeted = Raw::greeted(&path);
    for raw in [silent, greeted] {
        let error = raw.error_and_end();
        assert_eq!(error.code(), Code::TimedOut, "{error}");
    }
    until("their connections are over", || is_alone(&path).then_some(()));
    assert_eq!(counters(&path).refused_limits, 2);
}

#[test]
fn ten_thousand_bad_clients_leave_no_descriptor_and_no_thread() {
    let _alone = crate::alone();
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let before = (target.settled_descriptors(), target.threads());
    let settled = || is_alone(&path).then_some(());

    for _ in 0..10_000 {
        drop(Raw::connect(&path));
    }
    until("connections end", settled);
    let malformed: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x89RGOPS\r\n\xff\xff\xff\xff\x01",
        b"\x89RGOPS\r\n\x01\x00\x00\x00\xee\x00",
        b"\x89RGOPS\r\n\x03\x00\x00\x00\x01\xff\xff\xff",
    ];
    for number in 0..10_000 {
        let mut raw = Raw::connect(&path).unwrap();
        raw.send(malformed[number % malformed.len()]);
        raw.magic();
        assert_eq!(raw.error_and_end().code(), Code::Malformed);
    }
    until("connections end", settled);
    ask_version(&path);
    until("descriptors are as before", || (target.all_descriptors() == before.0).then_some(()));
    assert_eq!(target.threads(), before.1);
    let counted = counters(&path);
    assert_eq!(counted.malformed, 10_000);
    assert!(counted.connections > 20_000, "{counted:?}");
}
