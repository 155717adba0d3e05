//! Listens like an agent, and sends hostile answers.

use std::cell::Cell;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use rgops_protocol::codec;
use rgops_protocol::discovery::SocketName;
use rgops_protocol::error::{Code, Error};
use rgops_protocol::hello::{AgentHello, CommandVersion, MAGIC};
use rgops_protocol::reply::{End, Note, NoteKind, Progress};
use rgops_protocol::request::{Command, Envelope, Request};
use rgops_protocol::tail::Tail;
use rgops_protocol::wire::{self, HEADER_BYTES, Header, Kind, MAX_PACKET_BYTES};

use crate::answers;

/// The shape of the attack.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Hostile texts in every field, as long as fit into a packet.
    Texts,
    /// The same in an error.
    LongError,
    /// A refusal with hostile texts as advice.
    Advice,
    /// Endless parts of one element each.
    Tiny,
    /// Endless packets with the maximum number of the smallest elements.
    Amplified,
    /// Endless addresses, threads and tasks that are all different.
    Distinct,
    /// Endless new module lists with FIFOs, devices and links.
    Modules,
    /// Endless progress.
    Progress,
    /// No answer after the request.
    Silence,
    /// No hello.
    NoHello,
    /// One byte per second.
    Drip,
    /// Half a packet.
    Half,
    /// False element counts and lengths.
    Counts,
    /// The hello of another process.
    AnotherPid,
    /// More data after the end.
    AfterEnd,
    /// An end with the maximum number of notes.
    Notes,
    /// The largest number in every field.
    Extremes,
}

const SHAPES: [(&str, Shape); 17] = [
    ("texts", Shape::Texts),
    ("long-error", Shape::LongError),
    ("advice", Shape::Advice),
    ("tiny", Shape::Tiny),
    ("amplified", Shape::Amplified),
    ("distinct", Shape::Distinct),
    ("modules", Shape::Modules),
    ("progress", Shape::Progress),
    ("silence", Shape::Silence),
    ("no-hello", Shape::NoHello),
    ("drip", Shape::Drip),
    ("half", Shape::Half),
    ("counts", Shape::Counts),
    ("another-pid", Shape::AnotherPid),
    ("after-end", Shape::AfterEnd),
    ("notes", Shape::Notes),
    ("extremes", Shape::Extremes),
];

pub(super) fn serve() {
    let named = std::env::args().nth(1);
    let shape = SHAPES.iter().find(|(name, _)| named.as_deref() == Some(name)).map(|(_, shape)| *shape);
    let shape = shape.expect("a shape");
    let directory = PathBuf::from(std::env::var_os("RGOPS_DIR").expect("a directory"));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).expect("it is ours");
    let listener = UnixListener::bind(directory.join(own_name().file_name())).expect("a socket");
    // The process name on the screen: a colour, a line break, a text direction.
    let _ = fs::write("/proc/self/comm", "\x1b[31m\n\u{202e}x");
    println!("ready");
    for stream in listener.incoming() {
        thread::spawn(move || {
            // The client closed the connection, as the test expects.
            let _ = stream.and_then(|stream| answer(stream, shape));
        });
    }
}

/// The socket name of this process, from its pid and its start time (proc_pid_stat(5)).
fn own_name() -> SocketName {
    let stat = fs::read("/proc/self/stat").expect("proc");
    let close = stat.iter().rposition(|byte| *byte == b')').expect("a name");
    let rest = String::from_utf8_lossy(&stat[close + 1..]).into_owned();
    let start_time = rest.split_ascii_whitespace().nth(19).and_then(|field| field.parse().ok());
    SocketName { pid: std::process::id(), start_time: start_time.expect("a start time") }
}

fn answer(mut stream: UnixStream, shape: Shape) -> io::Result<()> {
    let mut magic = [0; MAGIC.len()];
    stream.read_exact(&mut magic)?;
    packet(&mut stream)?;
    if shape == Shape::NoHello {
        return hang(&mut stream);
    }
    stream.write_all(&MAGIC)?;
    stream.write_all(&wire::packet(Kind::AgentHello, &encoded(&hello(shape))))?;
    let envelope: Envelope = codec::decode(&packet(&mut stream)?).map_err(io::Error::other)?;
    let request = Request::from_envelope(&envelope).map_err(io::Error::other)?;
    respond(&mut stream, &request, shape)
}

fn hello(shape: Shape) -> AgentHello {
    let SocketName { pid, start_time } = own_name();
    let text = || if shape == Shape::Texts { answers::hostile_text(800) } else { "hostile".to_owned() };
    AgentHello {
        protocol: 1,
        agent: text(),
        pid: if shape == Shape::AnotherPid { 1 } else { pid },
        start_time,
        cookie: [7; 16],
        build_id: vec![7; 20],
        name: text(),
        commands: Command::ALL.map(|command| CommandVersion { command: command as u16, version: 1 }).to_vec(),
        oldest: Tail::absent(),
    }
}

fn respond(stream: &mut UnixStream, request: &Request, shape: Shape) -> io::Result<()> {
    let send = |stream: &mut UnixStream, kind, payload: &[u8]| stream.write_all(&wire::packet(kind, payload));
    let beginning = answers::beginning(request, &|| "hostile".to_owned());
    // For a heap the snapshot is left out when a whole answer follows: a second one would be refused.
    let kept = if matches!(request, Request::PprofHeap(_)) { 2 } else { usize::MAX };
    let opening = beginning.clone().into_iter().take(kept);
    match shape {
        Shape::Texts => {
            // First all texts, as long as fit into a packet; then one text after the other.
            let count = Cell::new(0);
            let counting = || {
                count.set(count.get() + 1);
                String::new()
            };
            answers::whole(request, &counting, 1);
            let texts = count.get();
            // Some texts occur several times in a part.
            let length = 330_000 / texts.max(1);
            for part in answers::whole(request, &|| answers::hostile_text(length), 1) {
                send(stream, Kind::Data, &part)?;
            }
            // A second part of an answer that has one part would be refused.
            let single = beginning.is_empty();
            for long in 0..if single { 0 } else { texts } {
                count.set(0);
                let one = || {
                    count.set(count.get() + 1);
                    if count.get() == long + 1 { answers::hostile_text(1_000_000) } else { "x".to_owned() }
                };
                for part in answers::beginning(request, &|| answers::hostile_text(200_000)) {
                    send(stream, Kind::Data, &part)?;
                }
                for part in answers::whole(request, &one, 1) {
                    send(stream, Kind::Data, &part)?;
                }
            }
            send(stream, Kind::End, &encoded(&notes(3, &|| answers::hostile_text(100_000))))
        }
        Shape::LongError => {
            let text = || answers::hostile_text(300_000);
            let error = Error::new(Code::Busy, text(), text(), text());
            send(stream, Kind::Error, &encoded(&error))
        }
        Shape::Advice => {
            let text = || "no\nfix: run evil as root".to_owned();
            let error = Error::new(Code::Busy, text(), text(), text());
            send(stream, Kind::Error, &encoded(&error))
        }
        Shape::Tiny | Shape::Amplified | Shape::Distinct | Shape::Modules => {
            for part in beginning {
                send(stream, Kind::Data, &part)?;
            }
            for round in 1.. {
                let parts = match shape {
                    Shape::Tiny => answers::tiny(request, round),
                    Shape::Amplified => answers::amplified(request, round),
                    Shape::Distinct => answers::distinct(request, round),
                    _ => answers::modules(request, round),
                };
                for part in parts {
                    send(stream, Kind::Data, &part)?;
                }
            }
            Ok(())
        }
        Shape::Progress => {
            for part in beginning {
                send(stream, Kind::Data, &part)?;
            }
            for round in 0.. {
                let progress = Progress { elapsed_ms: round, total_ms: 0, gathered: round };
                send(stream, Kind::Progress, &encoded(&progress))?;
                thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        }
        Shape::Silence | Shape::NoHello => hang(stream),
        Shape::Drip => {
            let part = answers::whole(request, &String::new, 1).concat();
            for byte in wire::packet(Kind::Data, &part) {
                stream.write_all(&[byte])?;
                thread::sleep(Duration::from_secs(1));
            }
            Ok(())
        }
        Shape::Half => {
            for part in beginning {
                send(stream, Kind::Data, &part)?;
            }
            let part = wire::packet(Kind::Data, &vec![0; MAX_PACKET_BYTES]);
            stream.write_all(&part[..part.len() / 2])
        }
        Shape::Counts => {
            for part in beginning {
                send(stream, Kind::Data, &part)?;
            }
            // Variant 2, or a list, with 2^60 elements.
            let lie = [&[2, 253][..], &(1_u64 << 60).to_le_bytes()].concat();
            send(stream, Kind::Data, &lie)
        }
        Shape::AnotherPid => send(stream, Kind::End, &encoded(&End::default())),
        Shape::AfterEnd => {
            for part in opening.chain(answers::whole(request, &|| "x".to_owned(), 1)) {
                send(stream, Kind::Data, &part)?;
            }
            send(stream, Kind::End, &encoded(&End::default()))?;
            loop {
                for part in answers::tiny(request, 1) {
                    send(stream, Kind::Data, &part)?;
                }
            }
        }
        Shape::Notes => {
            for part in opening.chain(answers::whole(request, &|| "x".to_owned(), 1)) {
                send(stream, Kind::Data, &part)?;
            }
            // The numbers have the shortest encoding.
            let mut end = notes(200_000, &String::new);
            end.notes.iter_mut().for_each(|note| note.count = 1);
            send(stream, Kind::End, &encoded(&end))
        }
        Shape::Extremes => {
            for part in opening.chain(answers::whole(request, &|| "x".to_owned(), u64::MAX)) {
                send(stream, Kind::Data, &part)?;
            }
            send(stream, Kind::End, &encoded(&End::default()))
        }
    }
}

fn notes(count: usize, text: &dyn Fn() -> String) -> End {
    let note = |_| Note { kind: NoteKind::Missing, what: text(), count: u64::MAX, why: text() };
    End { notes: (0..count).map(note).collect() }
}

/// Waits until the peer closes the connection.
fn hang(stream: &mut UnixStream) -> io::Result<()> {
    while stream.read(&mut [0; 64])? > 0 {}
    Ok(())
}

fn packet(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header)?;
    let header = Header::parse(header, MAX_PACKET_BYTES).map_err(io::Error::other)?;
    let mut payload = vec![0; header.length];
    stream.read_exact(&mut payload)?;
    Ok(payload)
}

fn encoded(value: &impl codec::Encode) -> Vec<u8> {
    codec::encode(value).expect("it fits a packet")
}
