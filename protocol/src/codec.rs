//! Encodes and decodes values with bincode 2, standard configuration (little-endian, varint).
//!
//! This is the only module that uses the `bincode` crate (unmaintained, RUSTSEC-2025-0141; the
//! reason was not a defect). A switch to another implementation of the same format changes only
//! this module; the tests decode our golden bytes with `wincode` to prove it.

pub use bincode::{Decode, Encode};

use crate::wire::MAX_PACKET_BYTES;

/// The maximum memory, in bytes, that decoding one packet may claim for its collections.
///
/// A varint takes one byte on the wire and eight in memory, so this is larger than
/// [`MAX_PACKET_BYTES`]. It still bounds the allocation for a false length.
pub const DECODE_BUDGET_BYTES: usize = 16 * 1024 * 1024;

const CONFIGURATION: bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<DECODE_BUDGET_BYTES>,
> = bincode::config::standard().with_limit::<DECODE_BUDGET_BYTES>();

/// Why bytes are not a value of the expected type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes do not form a value of the expected type.
    #[error("not a valid {expected}: {why}")]
    Malformed {
        /// The Rust name of the type that was expected.
        expected: &'static str,
        /// The decoder's reason.
        why: String,
    },
    /// A value was decoded, but bytes were left after it.
    #[error("{left} bytes left after a {expected}")]
    TrailingBytes {
        /// The Rust name of the type that was expected.
        expected: &'static str,
        /// The number of bytes left.
        left: usize,
    },
}

/// Why a value cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The encoded value is longer than a packet may be.
    #[error("a {of} of {bytes} bytes does not fit in a packet of {MAX_PACKET_BYTES} bytes")]
    TooLarge {
        /// The Rust name of the type.
        of: &'static str,
        /// Its encoded length.
        bytes: usize,
    },
    /// The encoder failed, which does not happen for the types of this crate.
    #[error("cannot encode a {of}: {why}")]
    Failed {
        /// The Rust name of the type.
        of: &'static str,
        /// The encoder's reason.
        why: String,
    },
}

/// Encodes `value` as the payload of one packet.
///
/// # Errors
/// [`EncodeError::TooLarge`] when the result exceeds [`MAX_PACKET_BYTES`].
pub fn encode<T: Encode>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let of = std::any::type_name::<T>();
    let bytes = bincode::encode_to_vec(value, CONFIGURATION)
        .map_err(|error| EncodeError::Failed { of, why: error.to_string() })?;
    if bytes.len() > MAX_PACKET_BYTES {
        return Err(EncodeError::TooLarge { of, bytes: bytes.len() });
    }
    Ok(bytes)
}

/// Decodes all of `bytes` as a `T`: for requests and proofs, in which no byte may be ignored.
///
/// Allocates at most [`DECODE_BUDGET_BYTES`], whatever lengths the bytes claim.
///
/// # Errors
/// [`DecodeError::Malformed`] and [`DecodeError::TrailingBytes`], both naming the type.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, used) = decode_first(bytes)?;
    match bytes.len() - used {
        0 => Ok(value),
        left => Err(DecodeError::TrailingBytes { expected: std::any::type_name::<T>(), left }),
    }
}

/// Decodes the `T` at the start of `bytes`, and skips the rest: fields of a newer writer.
///
/// The limits of [`decode`] apply; the packet's length bounds the skipped bytes.
///
/// # Errors
/// [`DecodeError::Malformed`], naming the type.
pub fn decode_message<T: Decode<()>>(bytes: &[u8]) -> Result<T, DecodeError> {
    decode_first(bytes).map(|(value, _)| value)
}

fn decode_first<T: Decode<()>>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    let expected = std::any::type_name::<T>();
    bincode::decode_from_slice(bytes, CONFIGURATION)
        .map_err(|error| DecodeError::Malformed { expected, why: error.to_string() })
}
