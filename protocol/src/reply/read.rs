//! Answer of `read`: `Data` packets, each one [`ReadPart`], together as many ranges as were asked, in order.

use crate::codec::{Decode, Encode};
use crate::received::fields;

/// Bytes one `read` may ask for, over all its ranges.
pub const MAX_READ_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes one range of a `read` may ask for: so that what the agent allocates for it stays small.
pub const MAX_RANGE_BYTES: u32 = 64 * 1024;

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct MemoryRange {
    /// First address.
    pub avma: u64,
    /// Bytes, at most [`MAX_RANGE_BYTES`].
    pub length: u32,
}

/// Arguments of `read`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ReadRequest {
    /// What to read; at most [`MAX_READ_BYTES`] in all.
    pub ranges: Vec<MemoryRange>,
}

/// Some of the ranges.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ReadPart {
    /// The bytes of each range; `None` where a byte of it cannot be read.
    pub ranges: Vec<Option<Vec<u8>>>,
}

fields! {
    ReadPart { ranges }
}
