//! Hand-made agents, and how a client treats their texts.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;
use std::time::Duration;

use rgops_protocol::auth::{AgentProof, Challenge, ClientProof, NONCE_BYTES, Role, Token};
use rgops_protocol::codec;
use rgops_protocol::error::{Code, Error as AgentError};
use rgops_protocol::hello::MAGIC;
use rgops_protocol::reply::heap_rate::HeapRateReply;
use rgops_protocol::reply::{End, Note, NoteKind};
use rgops_protocol::request::{HeapRateRequest, Request};
use rgops_protocol::wire::{self, HEADER_BYTES, Header, Kind};

use super::*;

const TOKEN: &[u8] = b"0123456789abcdef0123456789abcdef";
const ADVICE: &str = "run evil as root";
const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(10), silence: Duration::from_secs(10) };

fn packet<T: rgops_protocol::codec::Encode>(kind: Kind, value: &T) -> Vec<u8> {
    wire::packet(kind, &codec::encode(value).unwrap())
}

fn read(stream: &mut impl Read) -> (Kind, Vec<u8>) {
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header).unwrap();
    let header = Header::parse(header, wire::MAX_PACKET_BYTES).unwrap();
    let mut payload = vec![0; header.length];
    stream.read_exact(&mut payload).unwrap();
    (header.kind, payload)
}

/// Greets, with a token where one is required, and answers one request with these bytes.
fn answer(mut stream: impl Read + Write, with_token: bool, bytes: &[u8]) {
    let mut magic = [0; MAGIC.len()];
    stream.read_exact(&mut magic).unwrap();
    assert_eq!(read(&mut stream).0, Kind::ClientHello);
    stream.write_all(&MAGIC).unwrap();
    if with_token {
        let nonce = [7; NONCE_BYTES];
        stream.write_all(&packet(Kind::Challenge, &Challenge { nonce })).unwrap();
        let proof: ClientProof = codec::decode(&read(&mut stream).1).unwrap();
        let mac = Token::new(TOKEN).unwrap().prove(Role::Agent, &nonce, &proof.nonce);
        stream.write_all(&packet(Kind::AgentProof, &AgentProof { mac })).unwrap();
    }
    let hello = crate::made::hello();
    stream.write_all(&packet(Kind::AgentHello, &hello)).unwrap();
    assert_eq!(read(&mut stream).0, Kind::Request);
    stream.write_all(bytes).unwrap();
}

fn over_tcp(bytes: Vec<u8>) -> (Endpoint, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let agent = std::thread::spawn(move || answer(listener.accept().unwrap().0, true, &bytes));
    (Endpoint::Tcp { address, token: Some(Token::new(TOKEN).unwrap()) }, agent)
}

/// An agent on TCP that sends a challenge and its proof, each followed by more bytes, and then closes the
/// connection.
fn with_tails(of_challenge: &'static [u8], of_proof: &'static [u8]) -> (Endpoint, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let longer = |message: Vec<u8>, tail: &[u8]| [&message, tail].concat();
    let agent = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut magic = [0; MAGIC.len()];
        stream.read_exact(&mut magic).unwrap();
        read(&mut stream);
        let nonce = [7; NONCE_BYTES];
        let challenge = longer(codec::encode(&Challenge { nonce }).unwrap(), of_challenge);
        stream.write_all(&[&MAGIC[..], &wire::packet(Kind::Challenge, &challenge)].concat()).unwrap();
        if of_challenge.is_empty() {
            let proof: ClientProof = codec::decode(&read(&mut stream).1).unwrap();
            let mac = Token::new(TOKEN).unwrap().prove(Role::Agent, &nonce, &proof.nonce);
            let proof = longer(codec::encode(&AgentProof { mac }).unwrap(), of_proof);
            stream.write_all(&wire::packet(Kind::AgentProof, &proof)).unwrap();
        }
    });
    (Endpoint::Tcp { address, token: Some(Token::new(TOKEN).unwrap()) }, agent)
}

fn ask(endpoint: &Endpoint) -> Collected<HeapRateReply> {
    let request = Request::HeapRate(HeapRateRequest { set_bytes: None });
    let mut answer = Client::connect(endpoint, TIMEOUTS).unwrap().ask(&request).unwrap();
    answer.collect(&mut |_| {})
}

fn refusal() -> AgentError {
    AgentError::new(Code::NotAllowed, "cannot set the rate", "it is not allowed", ADVICE)
}

#[test]
fn a_byte_after_a_proof_is_refused() {
    for (of_challenge, of_proof, expected) in [
        (&[][..], &[0][..], "1 bytes left after a rgops_protocol::auth::AgentProof"),
        (&[0, 0], &[], "2 bytes left after a rgops_protocol::auth::Challenge"),
    ] {
        let (endpoint, agent) = with_tails(of_challenge, of_proof);
        let error = Client::connect(&endpoint, TIMEOUTS).unwrap_err();
        agent.join().unwrap();
        assert_eq!(error.to_string(), format!("the agent violated the protocol: {expected}"));
    }
    // Without these bytes, the client waits for the hello, which this agent does not send.
    let (endpoint, agent) = with_tails(&[], &[]);
    let error = Client::connect(&endpoint, TIMEOUTS).unwrap_err();
    agent.join().unwrap();
    assert!(!matches!(error, ClientError::Protocol(_) | ClientError::AuthenticationFailed), "{error}");
}

#[test]
fn advice_over_tcp_is_quoted_from_the_program() {
    let (endpoint, agent) = over_tcp(packet(Kind::Error, &refusal()));
    let error = ask(&endpoint).end.unwrap_err();
    agent.join().unwrap();
    assert_eq!(error.fix(), "");
    assert_eq!(
        error.to_string(),
        "the agent did not answer: \
         the program says: \"cannot set the rate: it is not allowed; fix: run evil as root\""
    );
    let note = Note { kind: NoteKind::Missing, what: "threads".into(), count: 1, why: ADVICE.into() };
    let (endpoint, agent) = over_tcp(packet(Kind::End, &End { notes: vec![note] }));
    let end = ask(&endpoint).end.unwrap();
    agent.join().unwrap();
    assert_eq!(end.notes[0].why, "the program says: \"run evil as root\"");
}

#[test]
fn advice_of_the_users_own_program_is_unchanged() {
    let directory = std::env::temp_dir().join(format!("rgops-client-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700)).unwrap();
    let path = directory.join("own.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let bytes = packet(Kind::Error, &refusal());
    let agent = std::thread::spawn(move || answer(listener.accept().unwrap().0, false, &bytes));
    let error = ask(&Endpoint::Local { path, expected: None }).end.unwrap_err();
    agent.join().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!((error.to_string().as_str(), error.fix()), ("cannot set the rate: it is not allowed", ADVICE));
}
