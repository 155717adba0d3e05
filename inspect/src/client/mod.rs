//! Asks an agent: connects, checks who answers, sends one request and reads the answer's packets.
//!
//! The agent is not trusted: every length is checked before it is allocated, the whole answer is
//! capped, and an agent that falls silent ends the answer, not the client.

mod error;
#[cfg(target_os = "linux")]
pub(crate) mod local;
mod peer;
mod stream;

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use rgops_protocol::PROTOCOL_VERSION;
use rgops_protocol::auth::{AgentProof, Challenge, ClientProof, NONCE_BYTES, Role, Token};
use rgops_protocol::codec::{self, Decode};
use rgops_protocol::discovery::SocketName;
use rgops_protocol::error::Error as AgentError;
use rgops_protocol::hello::{AgentHello, ClientHello, MAGIC};
use rgops_protocol::reply::{End, Progress};
use rgops_protocol::request::{Command, Request};
use rgops_protocol::wire::{
    self, HEADER_BYTES, Header, Kind, MAX_ANSWER_BYTES, MAX_HANDSHAKE_BYTES, MAX_PACKET_BYTES,
};

pub use error::ClientError;
use peer::Peer;
use stream::Stream;

/// For the five bytes of a `Finish` packet.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// Where an agent listens.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// A local socket. It is refused when its owner or peer is another user than us or root.
    Local {
        /// Path of the socket, possibly through `/proc/PID/root`.
        path: PathBuf,
        /// Who must answer: the hello's pid and start time are held against it.
        expected: Option<SocketName>,
    },
    /// A TCP address, `host:port`.
    Tcp {
        /// `host:port`.
        address: String,
        /// The shared token; without one the agent refuses.
        token: Option<Token>,
    },
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For the connection and the handshake.
    pub connect: Duration,
    /// For the next packet of an answer; agents send progress at least every two seconds.
    pub silence: Duration,
}

/// A connection to an agent, greeted and checked.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    peer: Peer,
    hello: AgentHello,
    timeouts: Timeouts,
}

impl Client {
    /// Connects and shakes hands.
    ///
    /// # Errors
    /// [`ClientError`]: nobody listens there, someone else does, or the agent refused.
    pub fn connect(endpoint: &Endpoint, timeouts: Timeouts) -> Result<Client, ClientError> {
        Client::connect_to(endpoint, None, timeouts)
    }

    /// The same, when the process `pid` of this host is to answer at a local socket: the kernel says who
    /// listens there, before anything is sent.
    ///
    /// # Errors
    /// As [`Client::connect`], and [`ClientError::AnotherListens`].
    pub fn connect_to(
        endpoint: &Endpoint,
        pid: Option<u32>,
        timeouts: Timeouts,
    ) -> Result<Client, ClientError> {
        // Looked at before: afterwards it may be another program already.
        let known = Peer::new(pid);
        let (mut stream, listener) = stream::open(endpoint, pid, timeouts.connect)?;
        let peer = if pid.is_some() { known } else { Peer::new(listener) };
        match greet(endpoint, &mut stream) {
            Ok(hello) => Ok(Client { stream, peer, hello, timeouts }),
            Err(error) => Err(peer.explain(error)),
        }
    }

    /// The process that listens at the local socket, in our pid namespace, where the kernel tells.
    pub fn peer_pid(&self) -> Option<u32> {
        self.peer.pid()
    }

    /// Who answered.
    pub fn hello(&self) -> &AgentHello {
        &self.hello
    }

    /// Sends the one request of this connection.
    ///
    /// # Errors
    /// [`ClientError::NotSpoken`] when the agent does not list the command, else a broken connection.
    pub fn ask(mut self, request: &Request) -> Result<Answer, ClientError> {
        let command = request.command();
        let spoken = self.hello.commands.iter().find(|spoken| spoken.command == command as u16);
        match spoken {
            Some(spoken) if spoken.version >= command.version() => {}
            // A command the author denied is not listed: the agent itself says so, in better words.
            None if self.hello.protocol == PROTOCOL_VERSION => {}
            _ => return Err(self.not_spoken(command)),
        }
        let payload = codec::encode(&request.to_envelope()?)?;
        self.stream.set_deadline(self.timeouts.silence);
        let sent = self.stream.write_all(&wire::packet(Kind::Request, &payload));
        sent.map_err(|error| self.peer.explain(error.into()))?;
        Ok(Answer {
            stream: self.stream,
            peer: self.peer,
            silence: self.timeouts.silence,
            received: 0,
            is_over: false,
        })
    }

    fn not_spoken(&self, command: Command) -> ClientError {
        ClientError::NotSpoken { command: command.name(), agent: self.hello.agent.clone() }
    }
}

/// Shakes hands; who answers must be whom the endpoint names.
fn greet(endpoint: &Endpoint, stream: &mut Stream) -> Result<AgentHello, ClientError> {
    let hello = ClientHello {
        protocol: PROTOCOL_VERSION,
        client: concat!("rgops ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let mut first = MAGIC.to_vec();
    first.extend(wire::packet(Kind::ClientHello, &codec::encode(&hello)?));
    // A refusing agent may have closed already: what it said is then still there to be read.
    let sent = stream.write_all(&first);
    let mut magic = [0; MAGIC.len()];
    match stream.read_exact(&mut magic) {
        Ok(()) if magic == MAGIC => {}
        Ok(()) => return Err(ClientError::NotAnAgent),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(ClientError::NotAnAgent);
        }
        // A failed write is the older news; a deadline that passed is told by its own name.
        Err(error) => return Err(sent.err().unwrap_or(error).into()),
    }
    if let Endpoint::Tcp { token, .. } = endpoint {
        authenticate(stream, token.as_ref())?;
    }
    let hello: AgentHello = expect(stream, Kind::AgentHello)?;
    if let Endpoint::Local { expected: Some(expected), .. } = endpoint {
        let found = SocketName { pid: hello.pid, start_time: hello.start_time };
        if found != *expected {
            return Err(ClientError::AnotherProcess { expected: *expected, found });
        }
    }
    Ok(hello)
}

/// The client's side of the token handshake.
fn authenticate(stream: &mut Stream, token: Option<&Token>) -> Result<(), ClientError> {
    let challenge: Challenge = expect(stream, Kind::Challenge)?;
    let Some(token) = token else { return Err(ClientError::TokenNeeded) };
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|error| io::Error::other(error.to_string()))?;
    let proof = ClientProof { nonce, mac: token.prove(Role::Client, &challenge.nonce, &nonce) };
    stream.write_all(&wire::packet(Kind::ClientProof, &codec::encode(&proof)?))?;
    let answer: AgentProof = expect(stream, Kind::AgentProof)?;
    if token.verify(Role::Agent, &challenge.nonce, &nonce, &answer.mac) {
        Ok(())
    } else {
        Err(ClientError::FalseAgent)
    }
}

/// Reads the one packet that may come now, or the agent's error in its place.
fn expect<T: Decode<()>>(stream: &mut Stream, kind: Kind) -> Result<T, ClientError> {
    let (found, payload) = read_packet(stream, MAX_HANDSHAKE_BYTES)?;
    if found == kind {
        return Ok(codec::decode(&payload)?);
    }
    if found == Kind::Error {
        return Err(ClientError::Agent(codec::decode(&payload)?));
    }
    Err(ClientError::Protocol(format!("a {kind:?} packet was expected, not {found:?}")))
}

fn read_packet(stream: &mut Stream, limit: usize) -> Result<(Kind, Vec<u8>), ClientError> {
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header)?;
    let header = Header::parse(header, limit).map_err(|error| ClientError::Protocol(error.to_string()))?;
    let mut payload = vec![0; header.length];
    stream.read_exact(&mut payload)?;
    Ok((header.kind, payload))
}

/// An answer as it arrives.
#[derive(Debug)]
pub struct Answer {
    stream: Stream,
    peer: Peer,
    silence: Duration,
    received: u64,
    is_over: bool,
}

/// A packet of an answer.
#[derive(Debug)]
pub enum Event {
    /// How far the command is.
    Progress(Progress),
    /// A part, to be decoded as the command's part type.
    Data(Vec<u8>),
    /// The answer is complete.
    End(End),
}

/// What arrived: all parts up to the end, or up to an error (partial results are kept).
#[derive(Debug)]
pub struct Collected<T> {
    /// The decoded parts, in order.
    pub parts: Vec<T>,
    /// How it ended.
    pub end: Result<End, ClientError>,
}

impl Answer {
    /// Waits for the next packet.
    ///
    /// # Errors
    /// The agent's error, silence longer than the timeout, a broken connection, bytes that are no
    /// packet, or an answer larger than [`MAX_ANSWER_BYTES`].
    pub fn next_event(&mut self) -> Result<Event, ClientError> {
        if self.is_over {
            return Err(ClientError::Protocol("the answer is over".to_owned()));
        }
        self.stream.set_deadline(self.silence);
        let packet = read_packet(&mut self.stream, MAX_PACKET_BYTES);
        let (kind, payload) = packet.map_err(|error| self.peer.explain(error))?;
        self.received += (HEADER_BYTES + payload.len()) as u64;
        if self.received > MAX_ANSWER_BYTES {
            return Err(ClientError::Protocol(format!("an answer of more than {MAX_ANSWER_BYTES} bytes")));
        }
        match kind {
            Kind::Progress => Ok(Event::Progress(codec::decode(&payload)?)),
            Kind::Data => Ok(Event::Data(payload)),
            Kind::End => {
                self.is_over = true;
                Ok(Event::End(codec::decode(&payload)?))
            }
            Kind::Error => {
                self.is_over = true;
                Err(ClientError::Agent(codec::decode::<AgentError>(&payload)?))
            }
            other => Err(ClientError::Protocol(format!("a {other:?} packet in an answer"))),
        }
    }

    /// Reads all parts, telling `on_progress` of each progress packet.
    pub fn collect<T: Decode<()>>(&mut self, on_progress: &mut dyn FnMut(&Progress)) -> Collected<T> {
        let mut parts = Vec::new();
        let end = loop {
            match self.next_event() {
                Ok(Event::Progress(progress)) => on_progress(&progress),
                Ok(Event::Data(payload)) => match codec::decode(&payload) {
                    Ok(part) => parts.push(part),
                    Err(error) => break Err(error.into()),
                },
                Ok(Event::End(end)) => break Ok(end),
                Err(error) => break Err(error),
            }
        };
        Collected { parts, end }
    }

    /// A handle by which another thread (the Ctrl-C handler) asks the agent to finish early and
    /// send what it has.
    pub fn finisher(&self) -> Finisher {
        Finisher { stream: self.stream.try_clone().ok() }
    }
}

/// Asks the agent to end the running command and send what was gathered.
#[derive(Debug)]
pub struct Finisher {
    stream: Option<Stream>,
}

impl Clone for Finisher {
    fn clone(&self) -> Finisher {
        Finisher { stream: self.stream.as_ref().and_then(|stream| stream.try_clone().ok()) }
    }
}

impl Finisher {
    /// Sends the `Finish` packet; a broken connection shows up in the answer.
    pub fn finish(&self) {
        if let Some(Ok(mut stream)) = self.stream.as_ref().map(Stream::try_clone) {
            stream.set_deadline(FINISH_TIMEOUT);
            let _ = stream.write_all(&wire::packet(Kind::Finish, &[]));
        }
    }
}
