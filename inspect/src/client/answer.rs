//! The answer to one request as it arrives: its packets, and their limits of time and size.

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

/// Timeout for the five bytes of a `Finish` packet.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// Time that an agent has to send the gathered data after a `Finish` packet.
const FINISH_GRACE: Duration = Duration::from_secs(5);

/// Minimum cost of a packet in bytes: a part, and the values decoded from it.
const SMALLEST_COST: u64 = 256;

/// An answer as it arrives.
#[derive(Debug)]
pub struct Answer {
    stream: Stream,
    peer: Peer,
    silence: Duration,
    /// Limit of the time spent waiting over all packets, and the time spent so far. Time that the receiver
    /// spends on a packet is not counted. `None`: no limit while packets arrive.
    allowed: Option<Duration>,
    waited: Duration,
    budget: Budget,
    received: u64,
    is_over: bool,
    /// The error when the agent reports that it does not know the command.
    unsupported: UnsupportedCommand,
}

/// A packet of an answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Progress of the command.
    Progress(Progress),
    /// A part, for [`part`].
    Data(Payload),
    /// The answer is complete.
    End(End),
}

/// An undecoded part, and the speaker of its texts.
#[derive(Debug)]
pub struct Payload {
    bytes: Vec<u8>,
    speaker: Speaker,
}

impl Payload {
    pub(super) fn new(bytes: Vec<u8>, speaker: Speaker) -> Payload {
        Payload { bytes, speaker }
    }

    /// Its length on the wire.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn decode<T: Received>(&self) -> Result<(T, u64), ClientError> {
        Ok(received::decode(&self.bytes, self.speaker)?)
    }
}

/// All parts up to the end or up to an error; partial results are kept.
#[derive(Debug)]
#[non_exhaustive]
pub struct Collected<T> {
    /// The decoded parts, in order.
    pub parts: Vec<T>,
    /// How it ended.
    pub end: Result<End, ClientError>,
}

/// A part of an answer, as the command's part type. Texts are cut to the length a reader can use, and
/// sentences of another user's program are marked as quoted from it.
///
/// # Errors
/// When the bytes are not a valid part.
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

    /// Sets the time limit for the rest of the answer. For an answer without an end of its own, the limit is
    /// for the next part.
    pub fn allow(&mut self, time: Duration) {
        (self.allowed, self.waited) = (Some(time), Duration::ZERO);
    }

    /// The limits of the whole command.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Waits for the next packet.
    ///
    /// # Errors
    /// The agent's error, silence longer than the timeout, an answer over its limit of time or size, a failed
    /// connection, or bytes that are not a packet.
    pub fn next_event(&mut self) -> Result<Event, ClientError> {
        if self.is_over {
            return Err(ClientError::Protocol("the answer has already ended".to_owned()));
        }
        let began = Instant::now();
        let whole = self.allowed.and_then(|allowed| began.checked_add(allowed.saturating_sub(self.waited)));
        let whole = [whole, self.budget.deadline()].into_iter().flatten().min();
        self.stream.set_deadline(self.silence);
        self.stream.end_by(whole);
        let packet = read_packet(&mut self.stream, MAX_PACKET_BYTES);
        self.waited += began.elapsed();
        let (kind, payload) = packet.map_err(|error| match error {
            // Both are a read that did not end in time; this decides which of the two limits was reached. An
            // agent that never sent anything counts as silent.
            ClientError::TimedOut if self.stream.is_past_end() => self.took_too_long(),
            error => self.peer.explain(error),
        })?;
        let bytes = (HEADER_BYTES + payload.len()) as u64;
        self.received += bytes;
        // A small packet costs more memory than its bytes.
        self.budget.watch(bytes + SMALLEST_COST)?;
        if self.received > MAX_ANSWER_BYTES {
            return Err(ClientError::Protocol(format!("the answer has more than {MAX_ANSWER_BYTES} bytes")));
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
                    // The request was sent although the agent does not list the command, see
                    // [`super::Client::ask`].
                    Code::UnknownCommand | Code::UnknownVersion => self.unsupported.clone().into(),
                    _ => ClientError::Agent(error),
                })
            }
            other => Err(ClientError::Protocol(format!("unexpected {other:?} packet in an answer"))),
        }
    }

    /// Reads all parts and calls `on_progress` for each progress packet.
    pub fn collect<T: Received>(&mut self, on_progress: &mut dyn FnMut(&Progress)) -> Collected<T> {
        let mut parts = Vec::new();
        let end = loop {
            match self.next_event() {
                Ok(Event::Progress(progress)) => on_progress(&progress),
                Ok(Event::Data(payload)) => match payload.decode() {
                    // A vector may have twice the capacity that it needs.
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

    /// A handle by which another thread (the Ctrl-C handler) asks the agent to finish early and send the data
    /// it has.
    pub fn finisher(&self) -> Finisher {
        Finisher { stream: self.stream.try_clone().ok() }
    }

    fn took_too_long(&self) -> ClientError {
        match self.received {
            _ if self.stream.was_finished() => ClientError::NotFinished { seconds: FINISH_GRACE.as_secs() },
            // The receiver used up all the time.
            _ if self.budget.check_time().is_err() => Exhausted::Time.into(),
            0 => ClientError::TimedOut,
            _ => ClientError::TookTooLong { waited: self.waited },
        }
    }
}

/// Asks the agent to end the running command and to send the gathered data.
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
    /// Sends the `Finish` packet; a failed connection shows up in the answer. From now on the answer has a
    /// few seconds to end.
    pub fn finish(&self) {
        if let Some(Ok(mut stream)) = self.stream.as_ref().map(Stream::try_clone) {
            stream.finish_within(FINISH_GRACE);
            stream.set_deadline(FINISH_TIMEOUT);
            let _ = stream.write_all(&wire::packet(Kind::Finish, &[]));
        }
    }
}
