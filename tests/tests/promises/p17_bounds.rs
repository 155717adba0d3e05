//! Promise 17: every length is checked before memory is allocated for it. Unknown input gets a typed error, and the
//! connection ends cleanly. The decoders are fuzzed in `fuzz/` and `protocol/tests`.

use rgops_protocol::codec;
use rgops_protocol::error::Code;
use rgops_protocol::hello::{ClientHello, MAGIC};
use rgops_protocol::request::{Command, Envelope, Request, VersionRequest};
use rgops_protocol::wire::{self, Kind, MAX_HANDSHAKE_BYTES, MAX_REQUEST_BYTES};
use rgops_tests::asking::{Raw, counters, hello, request};
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;

fn header(length: u32, kind: u8) -> Vec<u8> {
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.push(kind);
    bytes
}

fn envelope(command: u16, version: u16, body: &[u8]) -> Vec<u8> {
    wire::packet(Kind::Request, &codec::encode(&Envelope { command, version, body: body.to_vec() }).unwrap())
}

#[test]
fn a_request_that_cannot_be_answered_gets_a_reason() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let version = Command::Version as u16;
    let good = request(&Request::Version(VersionRequest {}));
    let mut trailing = good.clone();
    trailing.push(0);
    trailing[0] += 1;
    let cases = [
        ("a request that is too long", header(MAX_REQUEST_BYTES as u32 + 1, 6), Code::Malformed),
        ("the longest length there is", header(u32::MAX, 6), Code::Malformed),
        ("a packet of no kind", header(0, 99), Code::Malformed),
        ("a packet of the wrong kind", header(0, Kind::End as u8), Code::Malformed),
        ("a second hello", hello()[MAGIC.len()..].to_vec(), Code::Malformed),
        ("an empty request", header(0, 6), Code::Malformed),
        ("bytes behind the request", trailing, Code::Malformed),
        ("bytes behind the arguments", envelope(version, 1, &[0]), Code::Malformed),
        ("arguments that are missing", envelope(Command::PprofCpu as u16, 1, &[]), Code::Malformed),
        (
            "a body longer than its packet",
            wire::packet(Kind::Request, &[4, 1, 253, 255, 255, 255, 255, 255, 255, 255, 255]),
            Code::Malformed,
        ),
        ("an unknown command", envelope(4711, 1, &[]), Code::UnknownCommand),
        ("command 0", envelope(0, 1, &[]), Code::UnknownCommand),
        ("a newer version", envelope(version, 2, &[]), Code::UnknownVersion),
        ("version 0", envelope(version, 0, &[]), Code::UnknownVersion),
    ];
    let count = cases.len() as u64;
    let before = target.status(None, "VmRSS");
    for (what, bytes, code) in cases {
        let mut raw = Raw::greeted(&path);
        raw.send(&bytes);
        let error = raw.error_and_end();
        assert_eq!(error.code(), code, "{what}: {error}");
        assert!(!error.what.is_empty() && !error.why.is_empty(), "{what}: {error:?}");
    }
    assert_eq!(counters(&path).malformed, count, "{before}");
}

#[test]
fn an_invalid_handshake_gets_a_reason() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let with_magic = |rest: Vec<u8>| [&MAGIC[..], &rest].concat();
    let long = ClientHello { protocol: 1, client: "x".repeat(MAX_HANDSHAKE_BYTES) };
    for (what, bytes) in [
        ("another protocol", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("eight other bytes", vec![0; 8]),
        (
            "a hello that is too long",
            with_magic(wire::packet(Kind::ClientHello, &codec::encode(&long).unwrap())),
        ),
        ("the longest length there is", with_magic(header(u32::MAX, 1))),
        ("a request before the hello", with_magic(request(&Request::Version(VersionRequest {})))),
        ("a hello of no bytes", with_magic(header(0, 1))),
    ] {
        let mut raw = Raw::connect(&path).unwrap();
        raw.send(&bytes);
        raw.magic();
        let error = raw.error_and_end();
        assert_eq!(error.code(), Code::Malformed, "{what}: {error}");
    }
    // A client with a later protocol version gets a hello: it states which version the agent speaks.
    let later = ClientHello { protocol: 99, client: "rgops 9".to_owned() };
    let mut raw = Raw::connect(&path).unwrap();
    raw.send(&with_magic(wire::packet(Kind::ClientHello, &codec::encode(&later).unwrap())));
    raw.magic();
    assert_eq!(raw.packet().unwrap().0, Kind::AgentHello);
}
