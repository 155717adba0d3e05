//! A process that listens like an agent and claims to be another process; clients must detect it.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};

use rgops_protocol::PROTOCOL_VERSION;
use rgops_protocol::codec;
use rgops_protocol::error::{Code, Error};
use rgops_protocol::hello::{AgentHello, MAGIC};
use rgops_protocol::tail::Tail;
use rgops_protocol::wire::{self, HEADER_BYTES, Header, Kind, MAX_PACKET_BYTES};

/// Its name in hellos, and a word that all its answers contain.
pub const NAME: &str = "impostor";

/// Listens at `path` for ever, as the process `pid` with the start time `start_time`.
///
/// # Errors
/// When it cannot listen.
pub fn listen(path: &str, pid: u32, start_time: u64) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A peer may close the connection at any time.
            let _ = answer(stream, pid, start_time);
        }
    });
    Ok(())
}

fn answer(mut stream: UnixStream, pid: u32, start_time: u64) -> io::Result<()> {
    let hello = AgentHello {
        protocol: PROTOCOL_VERSION,
        agent: NAME.to_owned(),
        pid,
        start_time,
        cookie: [7; 16],
        build_id: Vec::new(),
        name: NAME.to_owned(),
        commands: Vec::new(),
        oldest: Tail::absent(),
    };
    let error = Error::new(Code::Internal, NAME, NAME, NAME);
    let mut bytes = MAGIC.to_vec();
    bytes.extend(wire::packet(Kind::AgentHello, &codec::encode(&hello).map_err(io::Error::other)?));
    stream.read_exact(&mut [0; MAGIC.len()])?;
    packet(&mut stream)?;
    stream.write_all(&bytes)?;
    packet(&mut stream)?;
    stream.write_all(&wire::packet(Kind::Error, &codec::encode(&error).map_err(io::Error::other)?))
}

fn packet(stream: &mut UnixStream) -> io::Result<()> {
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header)?;
    let header = Header::parse(header, MAX_PACKET_BYTES).map_err(io::Error::other)?;
    stream.read_exact(&mut vec![0; header.length])
}
