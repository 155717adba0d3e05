//! Packets: `{ u32 length, u8 kind, payload }`, little-endian. `length` is that of the payload alone.
//!
//! [`Header::parse`] refuses a length before anything is allocated for it.

/// The length of a packet header in bytes.
pub const HEADER_BYTES: usize = 5;

/// The longest payload of any packet, in bytes.
pub const MAX_PACKET_BYTES: usize = 1024 * 1024;

/// The longest payload a peer may send before it is known (hello, challenge, proof), in bytes.
pub const MAX_HANDSHAKE_BYTES: usize = 4 * 1024;

/// The longest payload of a `Request`, in bytes.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// The longest answer a client should accept, in bytes over all packets.
pub const MAX_ANSWER_BYTES: u64 = 1024 * 1024 * 1024;

/// The kind of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// [`crate::hello::ClientHello`], client to agent, first.
    ClientHello = 1,
    /// [`crate::hello::AgentHello`], agent to client.
    AgentHello = 2,
    /// [`crate::auth::Challenge`], agent to client, TCP only.
    Challenge = 3,
    /// [`crate::auth::ClientProof`], client to agent, TCP only.
    ClientProof = 4,
    /// [`crate::auth::AgentProof`], agent to client, TCP only.
    AgentProof = 5,
    /// [`crate::request::Envelope`], client to agent.
    Request = 6,
    /// Empty payload, client to agent: end the running command now and send what was gathered.
    Finish = 7,
    /// [`crate::reply::Progress`], agent to client.
    Progress = 8,
    /// A part of the answer; its type depends on the command, see [`crate::reply`].
    Data = 9,
    /// [`crate::reply::End`], the last packet of a successful answer.
    End = 10,
    /// [`crate::error::Error`], the last packet of a refused or failed answer.
    Error = 11,
}

impl Kind {
    /// The kind with this number, if there is one.
    pub fn from_u8(number: u8) -> Option<Kind> {
        Some(match number {
            1 => Kind::ClientHello,
            2 => Kind::AgentHello,
            3 => Kind::Challenge,
            4 => Kind::ClientProof,
            5 => Kind::AgentProof,
            6 => Kind::Request,
            7 => Kind::Finish,
            8 => Kind::Progress,
            9 => Kind::Data,
            10 => Kind::End,
            11 => Kind::Error,
            _ => return None,
        })
    }
}

/// A checked packet header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The kind of the payload.
    pub kind: Kind,
    /// Length of the payload in bytes, at most the limit given to [`Header::parse`].
    pub length: usize,
}

/// Why a packet header is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No packet kind has this number.
    #[error("unknown packet kind {0}")]
    UnknownKind(u8),
    /// The payload is longer than allowed here.
    #[error("a packet has {length} bytes, the limit here is {limit}")]
    TooLong {
        /// The length the peer claimed.
        length: u64,
        /// The limit in force.
        limit: usize,
    },
}

impl Header {
    /// Parses a header and refuses payloads longer than `limit` bytes.
    ///
    /// # Errors
    /// [`WireError`], without reading the payload.
    pub fn parse(bytes: [u8; HEADER_BYTES], limit: usize) -> Result<Header, WireError> {
        let [a, b, c, d, kind] = bytes;
        let kind = Kind::from_u8(kind).ok_or(WireError::UnknownKind(kind))?;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        match usize::try_from(length) {
            Ok(short) if short <= limit => Ok(Header { kind, length: short }),
            _ => Err(WireError::TooLong { length, limit }),
        }
    }
}

/// One packet as sent on the wire: header and payload.
///
/// # Panics
/// When `payload` exceeds [`MAX_PACKET_BYTES`]; [`crate::codec::encode`] never returns one that does.
pub fn packet(kind: Kind, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() <= MAX_PACKET_BYTES, "codec::encode bounds every payload");
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.push(kind as u8);
    bytes.extend_from_slice(payload);
    bytes
}
