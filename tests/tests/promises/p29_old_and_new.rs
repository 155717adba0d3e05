//! Promise 29: an agent runs for years inside a program, and answers the rgops of its time and later ones.
//!
//! `protocol/golden/v1` contains recorded conversations between rgops and an agent of protocol 1: `COMMAND.client`
//! and `COMMAND.agent`. Here each side meets the current version of the other.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use rgops_protocol::codec::{self, Decode};
use rgops_protocol::error::Error;
use rgops_protocol::hello::{ClientHello, CommandVersion, MAGIC};
use rgops_protocol::reply::{End, Progress};
use rgops_protocol::request::{Envelope, Request};
use rgops_protocol::tail::Tail;
use rgops_protocol::wire::{self, HEADER_BYTES, Header, Kind, MAX_PACKET_BYTES};
use rgops_tests::asking::{Raw, connect};
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::program::finished;
use rgops_tests::target::Target;

/// The agent's hello as a client of protocol 1 reads it, to the last byte: protocol, version of the agent, pid, start
/// time, cookie, build-id, name, commands.
type FirstHello = (u32, String, u32, u64, [u8; 16], Vec<u8>, String, Vec<CommandVersion>);

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/golden/v1")
}

/// What one side of each conversation sent, by the name of the conversation.
fn recorded(side: &str) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(recordings()).unwrap().map(|entry| entry.unwrap().path());
    let of_side = files.filter(|path| path.extension().is_some_and(|extension| extension == side));
    let named = of_side
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()));
    let all: BTreeMap<_, _> = named.collect();
    assert!(all.len() >= 14, "{} conversations are there", all.len());
    all
}

/// The packets after the magic bytes.
fn packets(mut bytes: &[u8]) -> Vec<(Kind, &[u8])> {
    bytes = bytes.strip_prefix(&MAGIC).expect("the magic");
    let mut packets = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() {
        let header = Header::parse(*header, MAX_PACKET_BYTES).unwrap();
        let (payload, rest) = rest.split_at_checked(header.length).expect("a whole packet");
        packets.push((header.kind, payload));
        bytes = rest;
    }
    assert!(bytes.is_empty(), "{} bytes are no packet", bytes.len());
    packets
}

/// Reads a message like a client of protocol 1: no bytes may remain. The types are the current ones, which also read
/// fields that were added later. A present [`Tail`] does not exist in protocol 1; it is recognised by its debug
/// output, and refused.
fn without_tail<T: Decode<()> + Debug>(payload: &[u8]) -> Result<T, String> {
    let message: T = codec::decode(payload).map_err(|error| error.to_string())?;
    match format!("{message:?}").contains(PRESENT_TAIL) {
        true => Err(format!("a field that protocol 1 has not: {message:?}")),
        false => Ok(message),
    }
}

/// The debug output of a [`Tail`] with a value.
const PRESENT_TAIL: &str = "Tail(Some(";

#[test]
fn a_tail_is_refused_by_the_reader_of_version_1() {
    let sent = codec::encode(&Tail::for_reader(2, 7_u8)).unwrap();
    assert!(without_tail::<Tail<u8>>(&sent).is_err());
    let not_sent = codec::encode(&Tail::for_reader(1, 7_u8)).unwrap();
    assert_eq!(without_tail::<Tail<u8>>(&not_sent), Ok(Tail::absent()));
}

/// Reads a part of an answer like a client of protocol 1.
fn part_of_version_1(request: &Request, payload: &[u8]) -> Result<(), String> {
    macro_rules! read {
        ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
            $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
            match request {
                $(
                    Request::$variant(_) => {
                        without_tail::<rgops_protocol::reply::$module::$part>(payload).map(drop)
                    }
                )*
            }
        };
    }
    rgops_protocol::commands!(read, all)
}

fn request_of(client: &[u8]) -> Request {
    let packets = packets(client);
    assert_eq!(packets[0].0, Kind::ClientHello);
    let hello: ClientHello = codec::decode(packets[0].1).unwrap();
    assert_eq!(hello.protocol, 1);
    assert_eq!(packets[1].0, Kind::Request);
    Request::from_envelope(&codec::decode::<Envelope>(packets[1].1).unwrap()).unwrap()
}

/// Reads what an agent sent like a client of protocol 1, which refuses unknown data.
fn read_as_version_1(name: &str, request: &Request, answer: &[u8]) -> Result<End, Error> {
    let packets = packets(answer);
    let ((first, hello), rest) = packets.split_first().expect("a packet");
    assert_eq!(*first, Kind::AgentHello, "{name}");
    let hello: FirstHello = codec::decode(hello).unwrap();
    assert_eq!(hello.0, 1, "{name}");
    let ((last, payload), rest) = rest.split_last().expect("an end");
    for (kind, payload) in rest {
        match kind {
            Kind::Progress => drop(without_tail::<Progress>(payload).unwrap()),
            Kind::Data => {
                part_of_version_1(request, payload).unwrap_or_else(|error| panic!("{name}: {error}"))
            }
            other => panic!("{name}: a {other:?} packet"),
        }
    }
    match last {
        Kind::End => Ok(without_tail(payload).unwrap()),
        Kind::Error => Err(without_tail(payload).unwrap()),
        other => panic!("{name}: the last packet is {other:?}"),
    }
}

/// The reader must accept what an agent of that time sent, or its result for a current agent means nothing.
#[test]
fn the_reader_of_version_1_reads_the_recordings() {
    let answers = recorded("agent");
    for (name, client) in recorded("client") {
        let end = read_as_version_1(&name, &request_of(&client), &answers[&name]);
        assert_eq!(end.is_err(), name == "refused", "{name}: {end:?}");
    }
}

#[test]
fn a_client_of_protocol_1_reads_every_answer_of_the_current_agent() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.order("runtime 2");
    let path = target.listen("allow=gc allow=heap-rate");
    for (name, client) in recorded("client") {
        let request = request_of(&client);
        let mut raw = Raw::connect(&path).unwrap();
        raw.send(&client);
        let mut answer = Vec::new();
        raw.0.read_to_end(&mut answer).unwrap();
        match read_as_version_1(&name, &request, &answer) {
            Ok(_) => {}
            // A program without the wrapper has no heap profile.
            Err(error) if name.starts_with("pprof_heap") || name.starts_with("heap_rate") => {
                assert_eq!(error.code, 9, "{name}: {error}")
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    // A current client receives more.
    assert!(connect(&path).unwrap().hello().oldest.value().is_some());
}

/// Sends every client the recorded bytes of an agent.
fn replay(path: &Path, bytes: Vec<u8>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(&bytes);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
}

#[test]
fn rgops_reads_every_answer_of_an_agent_of_protocol_1() {
    let directory = Directory::new();
    let rgops = built::release("rgops");
    let mut answers = recorded("agent");
    // Only the inspector sends these, or an option is needed.
    answers.retain(|name, _| name != "read" && name != "heap_rate_set");
    for (name, bytes) in answers {
        let path = directory.sockets().join(format!("{name}-of-old.sock"));
        replay(&path, bytes);
        let command = if name == "refused" { "gc".to_owned() } else { name.replace('_', "-") };
        let mut asked = Command::new(&rgops);
        asked.env("RGOPS_CACHE", "off").args([&command, "--json"]).arg(&path);
        let file = directory.path().join(&name);
        match name.as_str() {
            "pprof_cpu" | "trace" => asked.args(["--duration", "1", "-o"]).arg(file),
            "pprof_heap" => asked.arg("-o").arg(file),
            "schedtrace" => asked.args(["--count", "1"]),
            _ => &mut asked,
        };
        let output = finished(&mut asked);
        let errors = String::from_utf8_lossy(&output.stderr);
        if name == "refused" {
            assert_eq!(output.status.code(), Some(4), "{errors}");
            assert!(errors.contains("gc is not allowed"), "{errors}");
            continue;
        }
        // 6: complete except for what the notes report.
        assert!(matches!(output.status.code(), Some(0 | 6)), "{name}: {output:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        let first = text.lines().next().unwrap_or_default();
        let json = serde_json::from_str::<serde_json::Value>(&text)
            .or_else(|_| serde_json::from_str(first))
            .unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
        assert!(json.get("schema").is_some(), "{name}: {json}");
    }
}

/// An agent that speaks these versions of `gc`. It only sends its hello.
fn speaking(path: &Path, protocol: u32, oldest: u16, newest: u16) {
    let (pid, start_time) = (std::process::id(), 1);
    let mut hello =
        codec::encode(&(protocol, "9.9.9".to_owned(), pid, start_time as u64, [7u8; 16])).unwrap();
    let gc = |version| vec![CommandVersion { command: 11, version }];
    hello.extend(codec::encode(&(Vec::<u8>::new(), "future".to_owned(), gc(newest))).unwrap());
    if protocol > 1 {
        hello.extend(codec::encode(&gc(oldest)).unwrap());
        // The bytes that a later version adds.
        hello.extend(codec::encode(&"more".to_owned()).unwrap());
    }
    replay(path, [&MAGIC[..], &wire::packet(Kind::AgentHello, &hello)].concat());
}

#[test]
fn if_no_version_fits_rgops_reports_which_side_to_update() {
    let directory = Directory::new();
    let rgops = built::release("rgops");
    for (protocol, oldest, newest, fix) in [
        (2, 2, 3, "fix: update rgops\n"),
        (9, 65535, 65535, "fix: update rgops\n"),
        (2, 0, 0, "fix: update rgops-agent in the program and restart it\n"),
        (1, 1, 0, "fix: update rgops-agent in the program and restart it\n"),
    ] {
        let path = directory.sockets().join(format!("{protocol}.{newest}.sock"));
        speaking(&path, protocol, oldest, newest);
        let output = finished(Command::new(&rgops).arg("gc").arg(&path));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{errors}");
        assert!(errors.contains("version 9.9.9") && errors.ends_with(fix), "{errors}");
    }
}
