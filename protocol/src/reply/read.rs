//! Answer of `read`: `Data` packets, each one [`ReadPart`], together as many ranges as were asked, in order.

use crate::codec::{Decode, Encode};

/// Some of the ranges.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ReadPart {
    /// The bytes of each range; `None` where a byte of it cannot be read.
    pub ranges: Vec<Option<Vec<u8>>>,
}
