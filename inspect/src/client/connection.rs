//! A connection to an agent: the handshake, the check of the peer, and one request.

use std::io::{self, Read, Write};
use std::time::Duration;

use rgops_protocol::PROTOCOL_VERSION;
use rgops_protocol::agreement::{Disagreement, agree};
use rgops_protocol::auth::{AgentProof, Challenge, ClientProof, NONCE_BYTES, Role, Token};
use rgops_protocol::codec;
use rgops_protocol::discovery::SocketName;
use rgops_protocol::hello::{AgentHello, ClientHello, MAGIC};
use rgops_protocol::received::{Received, Speaker};
use rgops_protocol::request::{Command, Request};
use rgops_protocol::wire::{self, Kind, MAX_HANDSHAKE_BYTES};

use super::answer::{Answer, Payload, part};
use super::endpoint::{Endpoint, Timeouts};
use super::error::{ClientError, UnsupportedCommand};
use super::packet::read_packet;
use super::peer::Peer;
use super::stream::{self, Stream};

use crate::budget::{self, Budget};

/// A connection to an agent after the handshake.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    peer: Peer,
    hello: AgentHello,
    timeouts: Timeouts,
    budget: Budget,
}

impl Client {
    /// Connects and shakes hands, with its own budget.
    ///
    /// # Errors
    /// [`ClientError`]: the connection is refused, another process listens, or the agent refused.
    pub fn connect(endpoint: &Endpoint, timeouts: Timeouts) -> Result<Client, ClientError> {
        Client::connect_within(endpoint, timeouts, &budget::standard())
    }

    /// Connects and shakes hands for a command that asks more than once, or that charges more than answers to
    /// its budget: everything is charged to `budget`.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect_within(
        endpoint: &Endpoint,
        timeouts: Timeouts,
        budget: &Budget,
    ) -> Result<Client, ClientError> {
        Client::connect_to(endpoint, None, timeouts, budget)
    }

    /// The same when the process `pid` of this host must answer at a local socket: the kernel reports which
    /// process listens, before anything is sent.
    ///
    /// # Errors
    /// As [`Client::connect`], and [`ClientError::AnotherListens`].
    pub fn connect_to(
        endpoint: &Endpoint,
        pid: Option<u32>,
        timeouts: Timeouts,
        budget: &Budget,
    ) -> Result<Client, ClientError> {
        budget.check_time()?;
        // Read before the connection: afterwards the process may already run another program.
        let known = Peer::new(pid);
        let (mut stream, listener) = stream::open(endpoint, pid, timeouts.connect)?;
        stream.end_by(budget.deadline());
        let peer = known.listening(pid, listener);
        match greet(endpoint, &mut stream, peer.speaker()) {
            Ok(hello) => Ok(Client { stream, peer, hello, timeouts, budget: budget.clone() }),
            Err(error) => Err(peer.explain(error)),
        }
    }

    /// The process that listens at the local socket, in our pid namespace, where the kernel reports it.
    pub fn peer_pid(&self) -> Option<u32> {
        self.peer.pid()
    }

    /// The limits of the whole command.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The agent's hello.
    pub fn hello(&self) -> &AgentHello {
        &self.hello
    }

    /// Sends the one request of this connection.
    ///
    /// # Errors
    /// [`ClientError::UnsupportedCommand`] when both sides have no common version of the command; otherwise a
    /// failed connection.
    pub fn ask(mut self, request: &Request) -> Result<Answer, ClientError> {
        let command = request.command();
        let ours = command.versions();
        let version = match self.hello.versions(command) {
            Some(theirs) => agree(&ours, &theirs).map_err(|why| unsupported(command, &self.hello, why))?,
            // A command that the program's author denied is not listed: the agent itself reports that, with a
            // better message.
            None => *ours.end(),
        };
        let payload = codec::encode(&request.to_envelope(version)?)?;
        let silence = self.timeouts.silence;
        let allowed = duration(request).map(|duration| duration.saturating_add(silence));
        self.stream.set_deadline(silence);
        let sent = self.stream.write_all(&wire::packet(Kind::Request, &payload));
        sent.map_err(|error| self.peer.explain(error.into()))?;
        let unsupported = unsupported(command, &self.hello, Disagreement::AgentTooOld);
        Ok(Answer::new(self.stream, self.peer, silence, allowed, self.budget, unsupported))
    }
}

fn unsupported(command: Command, hello: &AgentHello, why: Disagreement) -> UnsupportedCommand {
    let is_version = |character: char| character.is_ascii_alphanumeric() || ".-+".contains(character);
    let agent = match hello.agent.chars().all(is_version) {
        true => hello.agent.clone(),
        false => "unknown".to_owned(),
    };
    UnsupportedCommand { command: command.name(), agent, why }
}

/// How long a request asks the agent to run; `None` for one that runs until it is stopped.
fn duration(request: &Request) -> Option<Duration> {
    match request {
        Request::PprofCpu(request) => Some(Duration::from_millis(request.duration_ms)),
        Request::Trace(request) => Some(Duration::from_millis(request.duration_ms)),
        Request::PprofHeap(request) => Some(Duration::from_millis(request.duration_ms)),
        Request::Stats(request) => Some(Duration::from_millis(request.window_ms.into())),
        Request::Schedtrace(request) if request.count == 0 => None,
        Request::Schedtrace(request) => {
            Some(Duration::from_millis(u64::from(request.interval_ms).saturating_mul(request.count.into())))
        }
        // All others answer with the current state at once.
        _ => Some(Duration::ZERO),
    }
}

/// Shakes hands; the process that answers must be the one that the endpoint names.
fn greet(endpoint: &Endpoint, stream: &mut Stream, speaker: Speaker) -> Result<AgentHello, ClientError> {
    let hello = ClientHello {
        protocol: PROTOCOL_VERSION,
        client: concat!("rgops ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let mut first = MAGIC.to_vec();
    first.extend(wire::packet(Kind::ClientHello, &codec::encode(&hello)?));
    // An agent that refuses may have closed the connection already; its message can still be read.
    let sent = stream.write_all(&first);
    let mut magic = [0; MAGIC.len()];
    match stream.read_exact(&mut magic) {
        Ok(()) if magic == MAGIC => {}
        Ok(()) => return Err(ClientError::NotAnAgent),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(ClientError::NotAnAgent);
        }
        // A write error is the earlier one; a passed deadline is reported as such.
        Err(error) => return Err(sent.err().unwrap_or(error).into()),
    }
    if let Endpoint::Tcp { token, .. } = endpoint {
        authenticate(stream, token.as_ref(), speaker)?;
    }
    let hello: AgentHello = expect(stream, Kind::AgentHello, speaker)?;
    if let Endpoint::Local { expected: Some(expected), .. } = endpoint {
        let found = SocketName { pid: hello.pid, start_time: hello.start_time };
        if found != *expected {
            return Err(ClientError::AnotherProcess { expected: *expected, found });
        }
    }
    Ok(hello)
}

/// The client's side of the token handshake.
fn authenticate(stream: &mut Stream, token: Option<&Token>, speaker: Speaker) -> Result<(), ClientError> {
    // No byte may follow the challenge and the proof: these messages do not have a tail (SPEC, section 10).
    let challenge: Challenge = codec::decode(&expect_packet(stream, Kind::Challenge, speaker)?)?;
    let Some(token) = token else { return Err(ClientError::TokenNeeded) };
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|error| io::Error::other(error.to_string()))?;
    let proof = ClientProof { nonce, mac: token.prove(Role::Client, &challenge.nonce, &nonce) };
    stream.write_all(&wire::packet(Kind::ClientProof, &codec::encode(&proof)?))?;
    let answer: AgentProof = codec::decode(&expect_packet(stream, Kind::AgentProof, speaker)?)?;
    if token.verify(Role::Agent, &challenge.nonce, &nonce, &answer.mac) {
        Ok(())
    } else {
        Err(ClientError::AuthenticationFailed)
    }
}

/// Reads the one message that may come now, or the agent's error in its place.
fn expect<T: Received>(stream: &mut Stream, kind: Kind, speaker: Speaker) -> Result<T, ClientError> {
    part(&Payload::new(expect_packet(stream, kind, speaker)?, speaker))
}

/// The same, not yet decoded.
fn expect_packet(stream: &mut Stream, kind: Kind, speaker: Speaker) -> Result<Vec<u8>, ClientError> {
    let (found, payload) = read_packet(stream, MAX_HANDSHAKE_BYTES)?;
    if found == kind {
        return Ok(payload);
    }
    if found == Kind::Error {
        return Err(ClientError::Agent(part(&Payload::new(payload, speaker))?));
    }
    Err(ClientError::Protocol(format!("expected a {kind:?} packet, got {found:?}")))
}
