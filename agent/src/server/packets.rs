//! Reads and writes the packets of a connection, and the reasons why a connection ends early.

use std::io;
use std::time::Duration;

use rgops_protocol::codec::{self, Encode};
use rgops_protocol::error::{Code, Error};
use rgops_protocol::wire::{self, HEADER_BYTES, Header, Kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::socket::Socket;

/// Deadline for the peer to accept one packet.
pub(crate) const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// Why a connection ends before its answer is complete.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The peer is gone or too slow; nothing is sent.
    Gone,
    /// The error is sent to the peer.
    Report(Error),
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Ended {
        Ended::Gone
    }
}

/// Reads one packet of at most `limit` bytes.
pub(crate) async fn read_packet(stream: &mut Socket, limit: usize) -> Result<(Kind, Vec<u8>), Ended> {
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header).await?;
    let header = Header::parse(header, limit).map_err(|error| malformed(error.to_string()))?;
    let mut payload = vec![0; header.length];
    stream.read_exact(&mut payload).await?;
    Ok((header.kind, payload))
}

/// Writes one message as a packet, within the write deadline.
pub(crate) async fn write_message<T: Encode>(
    stream: &mut Socket,
    kind: Kind,
    message: &T,
) -> Result<(), Ended> {
    let payload = codec::encode(message).map_err(|_| Ended::Gone)?;
    write_packet(stream, wire::packet(kind, &payload)).await
}

async fn write_packet(stream: &mut Socket, packet: Vec<u8>) -> Result<(), Ended> {
    match timeout(WRITE_DEADLINE, stream.write_all(&packet)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Ended::Gone),
    }
}

pub(crate) fn malformed(why: String) -> Ended {
    Ended::Report(Error::new(Code::Malformed, "cannot read the request", why, ""))
}
