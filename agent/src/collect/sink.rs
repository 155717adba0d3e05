//! The queue into which a collector sends its answer, and the reasons to stop without an answer.

use rgops_protocol::codec::{self, Encode};
use rgops_protocol::error::{Code, Error};
use rgops_protocol::reply::Progress;
use rgops_protocol::tail::Tail;
use rgops_protocol::wire::{self, Kind};
use tokio::sync::mpsc;

/// Why a collector stopped without an answer.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The client closed the connection, so nothing is sent.
    Gone,
    /// The command failed; the error is sent to the client.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Failed(error)
    }
}

/// The queue into which a collector sends its answer. Bounded: a slow client slows the collector, not the program.
#[derive(Debug, Clone)]
pub(crate) struct Sink {
    packets: mpsc::Sender<Vec<u8>>,
    /// The client's protocol.
    protocol: u32,
}

impl Sink {
    /// The queue to a client of this `protocol`.
    pub(crate) fn new(packets: mpsc::Sender<Vec<u8>>, protocol: u32) -> Sink {
        Sink { packets, protocol }
    }

    /// A field that is new in its part; absent if the client would refuse it.
    pub(crate) fn tail<T>(&self, value: T) -> Tail<T> {
        Tail::for_reader(self.protocol, value)
    }

    /// Sends one part of the answer as a `Data` packet. A part that exceeds a packet is a bug in the
    /// collector, which must send its lists in pieces.
    pub(crate) async fn data<T: Encode>(&self, part: &T) -> Result<(), Stop> {
        self.send(Kind::Data, part).await
    }

    pub(crate) async fn progress(&self, progress: &Progress) -> Result<(), Stop> {
        self.send(Kind::Progress, progress).await
    }

    async fn send<T: Encode>(&self, kind: Kind, part: &T) -> Result<(), Stop> {
        let payload = codec::encode(part).map_err(|error| {
            Error::new(
                Code::Internal,
                "cannot send a part of the answer",
                error.to_string(),
                "report this as a bug",
            )
        })?;
        self.packets.send(wire::packet(kind, &payload)).await.map_err(|_| Stop::Gone)
    }
}
