//! Promise 9: memory is bounded. A flood of connections and requests grows the program by a bounded amount, and
//! refused ones are counted and shown.

use rgops_inspect::client::ClientError;
use rgops_protocol::error::Code;
use rgops_protocol::reply::memstats::MemstatsReply;
use rgops_protocol::reply::stats::StatsReply;
use rgops_protocol::request::{MemstatsRequest, Request, StatsRequest};
use rgops_tests::asking::{Raw, ask, connect, counters, hello, is_alone};
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;
use rgops_tests::waiting::until;

/// Resident memory in kilobytes.
fn resident(target: &Target) -> u64 {
    target.status(None, "VmRSS").trim_end_matches(" kB").trim().parse().unwrap()
}

#[test]
fn connections_over_the_limit_are_refused_and_counted() {
    let _alone = crate::alone();
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let before = counters(&path);
    until("the first is gone", || is_alone(&path).then_some(()));
    // Silent connections that use all places.
    let silent: Vec<Raw> = (0..64).map(|_| Raw::greeted(&path)).collect();
    let mut refused = Raw::connect(&path).unwrap();
    refused.magic();
    let error = refused.error_and_end();
    assert_eq!(error.code(), Code::TooManyConnections, "{error}");
    let error = connect(&path).unwrap_err();
    assert!(matches!(&error, ClientError::Agent(_)), "the client reports it too: {error:?}");
    drop(silent);
    let after = until("places are free", || {
        let request = Request::Stats(StatsRequest { window_ms: 1 });
        ask::<StatsReply>(&path, &request).ok()?.parts.pop().map(|stats| stats.agent)
    });
    assert!(after.refused_limits > before.refused_limits, "{after:?}");
}

#[test]
fn a_flood_does_not_grow_the_memory() {
    let _alone = crate::alone();
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let flood = |connections: usize| {
        for number in 0..connections {
            let Ok(mut raw) = Raw::connect(&path) else { continue };
            match number % 3 {
                0 => {}
                1 => raw.send(&hello()),
                // The largest allocation that a client can cause before the handshake: the length is claimed, the
                // data not sent.
                _ => raw.send(&[&hello()[..], &[0xff, 0xff, 0, 0, 6]].concat()),
            }
        }
    };
    // The allocator's arenas and the runtime's slabs grow once.
    flood(2_000);
    until("connections end", || is_alone(&path).then_some(()));
    let before = resident(&target);
    flood(10_000);
    until("connections end", || is_alone(&path).then_some(()));
    let after = resident(&target);
    assert!(after < before + 2_048, "{before} kB before, {after} kB after 10,000 connections");
    assert!(counters(&path).connections > 12_000);
    let memory = ask::<MemstatsReply>(&path, &Request::Memstats(MemstatsRequest {})).unwrap();
    assert!(memory.end.is_ok());
}
