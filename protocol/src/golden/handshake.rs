//! Hellos and proofs. A hello of each version of the protocol, as readers of either read it.

use super::frozen::{bless, frozen, golden};
use crate::request;
use crate::tail::Tail;
use crate::{auth, codec, hello};

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

/// The hello as protocol 1 has it: this is how its clients still read it, to the last byte.
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

/// Both hellos by `wincode`, which skips nothing.
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
    // Its reader of protocol 1 would refuse it, so it is not sent to one.
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
