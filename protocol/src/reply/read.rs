//! Answer of `read`: `Data` packets, each one [`ReadPart`], together all requested ranges, in order.

use crate::codec::{Decode, Encode};
use crate::received::fields;

/// The maximum number of bytes that one `read` may request, over all its ranges.
pub const MAX_READ_BYTES: u64 = 64 * 1024 * 1024;

/// The maximum length of one range of a `read` in bytes, which limits the agent's allocation.
pub const MAX_RANGE_BYTES: u32 = 64 * 1024;

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct MemoryRange {
    /// First address.
    pub avma: u64,
    /// The number of bytes, at most [`MAX_RANGE_BYTES`].
    pub length: u32,
}

/// Arguments of `read`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ReadRequest {
    /// The ranges to read; at most [`MAX_READ_BYTES`] in total.
    pub ranges: Vec<MemoryRange>,
}

/// Some of the ranges.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ReadPart {
    /// The bytes of each range; `None` if a byte of it cannot be read.
    pub ranges: Vec<Option<Vec<u8>>>,
}

fields! {
    ReadPart { ranges }
}
