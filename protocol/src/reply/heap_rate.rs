//! Answer of `heap-rate`: one `Data` packet, a [`HeapRateReply`].

use crate::codec::{Decode, Encode};

/// How often blocks are sampled: the mean number of bytes between two samples, 0 for off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct HeapRateReply {
    /// Before the request, in bytes.
    pub before_bytes: u64,
    /// From now on, in bytes; the same when the request set none.
    pub now_bytes: u64,
    /// What the program began with, in bytes.
    pub default_bytes: u64,
}
