//! Answer of `heap-rate`: one `Data` packet, a [`HeapRateReply`].

use crate::codec::{Decode, Encode};
use crate::received::plain;

/// Arguments of `heap-rate`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct HeapRateRequest {
    /// The mean number of bytes between two samples from now on, 0 for off; absent to ask for it only.
    pub set_bytes: Option<u64>,
}

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

plain!(HeapRateReply);

impl HeapRateRequest {
    /// Whether it sets the rate.
    pub fn sets(&self) -> bool {
        self.set_bytes.is_some()
    }
}
