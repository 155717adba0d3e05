//! Requests to an agent without the command line: through the client library, or byte by byte.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rgops_inspect::client::{Client, ClientError, Collected, Endpoint, Timeouts};
use rgops_protocol::codec;
use rgops_protocol::error::Error;
use rgops_protocol::hello::{AgentHello, ClientHello, MAGIC};
use rgops_protocol::received::Received;
use rgops_protocol::reply::stats::{AgentStats, StatsReply};
use rgops_protocol::request::{Request, StatsRequest};
use rgops_protocol::wire::{self, HEADER_BYTES, Header, Kind, MAX_PACKET_BYTES};

use crate::waiting::until;

/// Long enough for a loaded machine.
pub const TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_secs(60), silence: Duration::from_secs(60) };

/// Connects to a local socket through the client library.
///
/// # Errors
/// See [`ClientError`].
pub fn connect(path: &str) -> Result<Client, ClientError> {
    Client::connect(&Endpoint::Local { path: path.into(), expected: None }, TIMEOUTS)
}

/// The whole answer to a request.
///
/// # Errors
/// When the request could not be sent.
pub fn ask<T: Received>(path: &str, request: &Request) -> Result<Collected<T>, ClientError> {
    Ok(connect(path)?.ask(request)?.collect(&mut |_| {}))
}

/// The same, ended early (`Finish`) once `is_enough`: for answers that take longer on a busy machine.
///
/// # Errors
/// As [`ask`].
pub fn ask_until<T: Received>(
    path: &str,
    request: &Request,
    mut is_enough: impl FnMut() -> bool + Send,
) -> Result<Collected<T>, ClientError> {
    let mut answer = connect(path)?.ask(request)?;
    let finisher = answer.finisher();
    Ok(std::thread::scope(|scope| {
        scope.spawn(move || {
            until("enough for the answer", || is_enough().then_some(()));
            finisher.finish();
        });
        answer.collect(&mut |_| {})
    }))
}

/// The whole reply to `stats` over a short window.
///
/// # Panics
/// When it does not come.
pub fn stats(path: &str) -> StatsReply {
    let request = Request::Stats(StatsRequest { window_ms: 10 });
    let mut collected = ask(path, &request).expect("the agent answers");
    collected.end.expect("the answer is complete");
    collected.parts.pop().expect("a part")
}

/// The agent's own counters.
///
/// # Panics
/// When it does not answer.
pub fn counters(path: &str) -> AgentStats {
    stats(path).agent
}

/// Whether the caller's is the only connection. False if the agent has no room for this connection.
pub fn is_alone(path: &str) -> bool {
    let request = Request::Stats(StatsRequest { window_ms: 10 });
    let parts = ask::<StatsReply>(path, &request).map(|collected| collected.parts);
    parts.is_ok_and(|parts| parts.first().is_some_and(|stats| stats.agent.open_connections == 1))
}

/// A connection to a local socket that sends arbitrary bytes.
#[derive(Debug)]
pub struct Raw(pub UnixStream);

impl Raw {
    /// Connects, with a read timeout of 10 s.
    ///
    /// # Errors
    /// See connect(2).
    pub fn connect(path: &str) -> io::Result<Raw> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Raw(stream))
    }

    /// Connects and does the handshake.
    ///
    /// # Panics
    /// When the handshake fails.
    pub fn greeted(path: &str) -> Raw {
        let mut raw = Raw::connect(path).expect("an agent listens");
        raw.send(&hello());
        raw.magic();
        let (kind, payload) = raw.packet().expect("a hello");
        assert_eq!(kind, Kind::AgentHello);
        codec::decode_message::<AgentHello>(&payload).expect("a hello");
        raw
    }

    /// Sends bytes. An error is ignored: if the peer has closed, the next read shows it.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Reads the magic bytes that the agent sends first.
    ///
    /// # Panics
    /// When they are different.
    pub fn magic(&mut self) {
        let mut magic = [0; MAGIC.len()];
        self.0.read_exact(&mut magic).expect("the magic");
        assert_eq!(magic, MAGIC);
    }

    /// Reads the next packet.
    ///
    /// # Errors
    /// At the end of the connection, or when no data comes in time.
    pub fn packet(&mut self) -> io::Result<(Kind, Vec<u8>)> {
        let mut header = [0; HEADER_BYTES];
        self.0.read_exact(&mut header)?;
        let header = Header::parse(header, MAX_PACKET_BYTES).map_err(io::Error::other)?;
        let mut payload = vec![0; header.length];
        self.0.read_exact(&mut payload)?;
        Ok((header.kind, payload))
    }

    /// Reads an error, and then the clean end of the connection.
    ///
    /// # Panics
    /// When anything else comes.
    pub fn error_and_end(mut self) -> Error {
        let (kind, payload) = self.packet().expect("a packet");
        assert_eq!(kind, Kind::Error);
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).expect("a clean end, no reset");
        assert!(rest.is_empty(), "{rest:?}");
        codec::decode(&payload).expect("an error")
    }
}

/// The magic bytes and the hello of a client.
///
/// # Panics
/// Never.
pub fn hello() -> Vec<u8> {
    let hello = ClientHello { protocol: rgops_protocol::PROTOCOL_VERSION, client: "a test".to_owned() };
    let mut bytes = MAGIC.to_vec();
    bytes.extend(wire::packet(Kind::ClientHello, &codec::encode(&hello).expect("short")));
    bytes
}

/// A request as a packet.
///
/// # Panics
/// Never.
pub fn request(request: &Request) -> Vec<u8> {
    let envelope = request.to_envelope(*request.command().versions().end()).expect("short");
    wire::packet(Kind::Request, &codec::encode(&envelope).expect("short"))
}
