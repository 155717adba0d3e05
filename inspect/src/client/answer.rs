//! The answer to one request as it arrives: packets, and the limits within which they have to come.

use std::io::Write as _;
use std::time::{Duration, Instant};

use rgops_protocol::codec;
use rgops_protocol::error::{Code, Error as AgentError};
use rgops_protocol::received::{self, Received, Speaker};
use rgops_protocol::reply::{End, Progress};
use rgops_protocol::wire::{self, HEADER_BYTES, Kind, MAX_ANSWER_BYTES, MAX_PACKET_BYTES};

use super::error::{ClientError, UnsupportedCommand};
use super::packet::read_packet;
use super::peer::Peer;
use super::stream::Stream;
use crate::budget::{Budget, Exhausted};

/// For the five bytes of a `Finish` packet.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// What an agent that was asked to finish has left to send what it gathered.
const FINISH_GRACE: Duration = Duration::from_secs(5);

/// What a packet costs at least, in bytes: a part, and what is made of it.
const SMALLEST_COST: u64 = 256;

/// An answer as it arrives.
#[derive(Debug)]
pub struct Answer {
    stream: Stream,
    peer: Peer,
    silence: Duration,
    /// How long may be waited, over all packets, and how long was. Time that the receiver takes for a
    /// packet is not the agent's. `None`: as long as packets come.
    allowed: Option<Duration>,
    waited: Duration,
    budget: Budget,
    received: u64,
    is_over: bool,
    /// What an agent's error says that does not know the command.
    unsupported: UnsupportedCommand,
}

/// A packet of an answer.
#[derive(Debug)]
pub enum Event {
    /// How far the command is.
    Progress(Progress),
    /// A part, for [`part`].
    Data(Payload),
    /// The answer is complete.
    End(End),
}

/// An undecoded part, and whose words are in it.
#[derive(Debug)]
pub struct Payload {
    bytes: Vec<u8>,
    speaker: Speaker,
}

impl Payload {
    pub(super) fn new(bytes: Vec<u8>, speaker: Speaker) -> Payload {
        Payload { bytes, speaker }
    }

    /// Its bytes on the wire.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn decode<T: Received>(&self) -> Result<(T, u64), ClientError> {
        Ok(received::decode(&self.bytes, self.speaker)?)
    }
}

/// What arrived: all parts up to the end, or up to an error (partial results are kept).
#[derive(Debug)]
pub struct Collected<T> {
    /// The decoded parts, in order.
    pub parts: Vec<T>,
    /// How it ended.
    pub end: Result<End, ClientError>,
}

/// A part of an answer, as the command's part type, with texts no longer than a reader can use, and with
/// the sentences of another user's program marked as its words.
///
/// # Errors
/// When the bytes are none.
pub fn part<T: Received>(payload: &Payload) -> Result<T, ClientError> {
    Ok(payload.decode()?.0)
}

impl Answer {
    pub(super) fn new(
        stream: Stream,
        peer: Peer,
        silence: Duration,
        allowed: Option<Duration>,
        budget: Budget,
        unsupported: UnsupportedCommand,
    ) -> Answer {
        let waited = Duration::ZERO;
        Answer { stream, peer, silence, allowed, waited, budget, received: 0, is_over: false, unsupported }
    }

    /// From now on it may be waited so long for what is still to come: of an answer without an end of its
    /// own, for the next part.
    pub fn allow(&mut self, time: Duration) {
        (self.allowed, self.waited) = (Some(time), Duration::ZERO);
    }

    /// What the whole command may take.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Waits for the next packet.
    ///
    /// # Errors
    /// The agent's error, silence longer than the timeout, an answer that takes longer or is larger than
    /// it may, a broken connection, or bytes that are no packet.
    pub fn next_event(&mut self) -> Result<Event, ClientError> {
        if self.is_over {
            return Err(ClientError::Protocol("the answer is over".to_owned()));
        }
        let began = Instant::now();
        let whole = self.allowed.and_then(|allowed| began.checked_add(allowed.saturating_sub(self.waited)));
        let whole = [whole, self.budget.deadline()].into_iter().flatten().min();
        self.stream.set_deadline(self.silence);
        self.stream.end_by(whole);
        let packet = read_packet(&mut self.stream, MAX_PACKET_BYTES);
        self.waited += began.elapsed();
        let (kind, payload) = packet.map_err(|error| match error {
            // Both are a read that did not end in time: which of the two limits it was is told apart here.
            // An agent that never said anything was silent.
            ClientError::TimedOut if self.stream.is_past_end() => self.took_too_long(),
            error => self.peer.explain(error),
        })?;
        let bytes = (HEADER_BYTES + payload.len()) as u64;
        self.received += bytes;
        // A small packet costs more than its bytes.
        self.budget.watch(bytes + SMALLEST_COST)?;
        if self.received > MAX_ANSWER_BYTES {
            return Err(ClientError::Protocol(format!("an answer of more than {MAX_ANSWER_BYTES} bytes")));
        }
        let payload = Payload::new(payload, self.peer.speaker());
        match kind {
            Kind::Progress => Ok(Event::Progress(codec::decode_message(&payload.bytes)?)),
            Kind::Data => Ok(Event::Data(payload)),
            Kind::End => {
                self.is_over = true;
                Ok(Event::End(part(&payload)?))
            }
            Kind::Error => {
                self.is_over = true;
                let error = part::<AgentError>(&payload)?;
                Err(match error.code() {
                    // It was asked all the same, see [`super::Client::ask`].
                    Code::UnknownCommand | Code::UnknownVersion => self.unsupported.clone().into(),
                    _ => ClientError::Agent(error),
                })
            }
            other => Err(ClientError::Protocol(format!("a {other:?} packet in an answer"))),
        }
    }

    /// Reads all parts, telling `on_progress` of each progress packet.
    pub fn collect<T: Received>(&mut self, on_progress: &mut dyn FnMut(&Progress)) -> Collected<T> {
        let mut parts = Vec::new();
        let end = loop {
            match self.next_event() {
                Ok(Event::Progress(progress)) => on_progress(&progress),
                Ok(Event::Data(payload)) => match payload.decode() {
                    // The list of parts may have twice the room that it needs.
                    Ok((part, memory)) => match self.budget.charge(memory + size_of::<T>() as u64) {
                        Ok(()) => parts.push(part),
                        Err(exhausted) => break Err(exhausted.into()),
                    },
                    Err(error) => break Err(error),
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

    fn took_too_long(&self) -> ClientError {
        match self.received {
            _ if self.stream.was_finished() => ClientError::NotFinished { seconds: FINISH_GRACE.as_secs() },
            // It was the receiver that needed all the time there was.
            _ if self.budget.check_time().is_err() => Exhausted::Time.into(),
            0 => ClientError::TimedOut,
            _ => ClientError::TookTooLong { waited: self.waited },
        }
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
    /// Sends the `Finish` packet; a broken connection shows up in the answer. From now on the answer has a
    /// few seconds to end.
    pub fn finish(&self) {
        if let Some(Ok(mut stream)) = self.stream.as_ref().map(Stream::try_clone) {
            stream.finish_within(FINISH_GRACE);
            stream.set_deadline(FINISH_TIMEOUT);
            let _ = stream.write_all(&wire::packet(Kind::Finish, &[]));
        }
    }
}
