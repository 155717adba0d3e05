//! Messages of every connection: hello, handshake, request envelope, progress, end and error.

use super::bytes::{bless, frozen};
use super::golden;
use crate::reply::{End, Note, NoteKind, Progress};
use crate::request::{self, Envelope};
use crate::tail::Tail;
use crate::{auth, codec, error, hello};

golden!(client_hello, hello::ClientHello, hello::ClientHello { protocol: 1, client: "rgops 0.1.0".into() });

fn sample_hello(protocol: u32) -> hello::AgentHello {
    let version = |version| move |command| hello::CommandVersion { command, version };
    let oldest = (1..=6).map(version(1)).collect();
    hello::AgentHello {
        protocol,
        agent: "0.1.0".into(),
        pid: 4711,
        start_time: 123_456_789,
        cookie: [7; 16],
        build_id: (0..20).collect(),
        name: "shop".into(),
        commands: (1..=6).map(version(1)).collect(),
        oldest: Tail::for_reader(protocol, oldest),
    }
}

/// The hello of protocol 1, whose clients still expect exactly these bytes.
#[derive(Debug, PartialEq, wincode::SchemaRead, wincode::SchemaWrite)]
struct FirstHello {
    protocol: u32,
    agent: String,
    pid: u32,
    start_time: u64,
    cookie: [u8; 16],
    build_id: Vec<u8>,
    name: String,
    commands: Vec<hello::CommandVersion>,
}

#[derive(Debug, PartialEq, wincode::SchemaRead, wincode::SchemaWrite)]
struct SecondHello {
    first: FirstHello,
    oldest: Vec<hello::CommandVersion>,
}

fn first_of(hello: hello::AgentHello) -> FirstHello {
    let hello::AgentHello { protocol, agent, pid, start_time, cookie, build_id, name, commands, oldest: _ } =
        hello;
    FirstHello { protocol, agent, pid, start_time, cookie, build_id, name, commands }
}

/// Checks both hellos also with `wincode`, which skips no bytes.
#[test]
fn agent_hello() {
    let varint = wincode::config::Configuration::default().with_varint_encoding();
    let first = frozen("agent_hello");
    check_hello(&sample_hello(1), &first);
    let strict: FirstHello = wincode::config::deserialize_exact(&first, varint).unwrap();
    assert_eq!(strict, first_of(sample_hello(1)));

    let second = sample_hello(2);
    bless("agent_hello_2", &format!("{second:?}"), &codec::encode(&second).unwrap());
    let bytes = frozen("agent_hello_2");
    check_hello(&second, &bytes);
    let strict: SecondHello = wincode::config::deserialize_exact(&bytes, varint).unwrap();
    assert_eq!(strict.oldest, *second.oldest.value().unwrap());
    assert_eq!(strict.first, first_of(second.clone()));
    // A reader of protocol 1 would refuse this hello, so it gets the first one.
    assert!(wincode::config::deserialize_exact::<FirstHello, _>(&bytes, varint).is_err());
    assert_eq!(codec::encode(&second.for_client(1)).unwrap(), first);
    assert_eq!(codec::encode(&second.for_client(0)).unwrap(), first);
    assert_eq!(second.for_client(99), second);
}

fn check_hello(value: &hello::AgentHello, frozen: &[u8]) {
    assert_eq!(codec::encode(value).unwrap(), frozen);
    assert_eq!(&codec::decode_message::<hello::AgentHello>(frozen).unwrap(), value);
    assert_eq!(value.versions(request::Command::Stack), Some(1..=1));
    assert_eq!(value.versions(request::Command::Tasks), None);
}

golden!(challenge, auth::Challenge, auth::Challenge { nonce: [1; 32] });
golden!(client_proof, auth::ClientProof, auth::ClientProof { nonce: [2; 32], mac: [3; 32] });
golden!(agent_proof, auth::AgentProof, auth::AgentProof { mac: [4; 32] });
golden!(
    error,
    error::Error,
    error::Error::new(error::Code::Busy, "cannot start pprof-cpu", "trace runs since 2 s", "try again")
);
golden!(request_envelope, Envelope, Envelope { command: 5, version: 1, body: vec![0xfb, 0x10, 0x27, 99] });
golden!(progress, Progress, Progress { elapsed_ms: 1000, total_ms: 30_000, gathered: 99 });
golden!(
    end,
    End,
    End {
        notes: [
            NoteKind::Dropped,
            NoteKind::Truncated,
            NoteKind::Missing,
            NoteKind::Approximate,
            NoteKind::EndedEarly
        ]
        .into_iter()
        .map(|kind| Note { kind, what: "samples".into(), count: 300, why: "the ring was full".into() })
        .collect()
    }
);

/// A request of another version is refused with the command and version at fault.
#[test]
fn unknown_commands_and_versions_are_distinguished() {
    use crate::request::{Command, Request, RequestError};
    let newer = Envelope { command: Command::PprofCpu as u16, version: 2, body: vec![1, 2, 3] };
    assert_eq!(
        Request::from_envelope(&newer),
        Err(RequestError::UnknownVersion { command: Command::PprofCpu, version: 2 })
    );
    let unknown = Envelope { command: 77, version: 1, body: vec![] };
    assert_eq!(Request::from_envelope(&unknown), Err(RequestError::UnknownCommand(77)));
    let malformed = Envelope { command: Command::PprofCpu as u16, version: 1, body: vec![0xff] };
    assert!(matches!(Request::from_envelope(&malformed), Err(RequestError::Body(_))));
}
