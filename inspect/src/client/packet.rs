//! One packet, read within a limit.

use std::io::Read as _;

use rgops_protocol::wire::{HEADER_BYTES, Header, Kind};

use super::error::ClientError;
use super::stream::Stream;

/// Reads a packet of at most `limit` bytes.
pub(super) fn read_packet(stream: &mut Stream, limit: usize) -> Result<(Kind, Vec<u8>), ClientError> {
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header)?;
    let header = Header::parse(header, limit).map_err(|error| ClientError::Protocol(error.to_string()))?;
    let mut payload = vec![0; header.length];
    stream.read_exact(&mut payload)?;
    Ok((header.kind, payload))
}
