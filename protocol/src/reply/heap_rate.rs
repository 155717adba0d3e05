//! Answer of `heap-rate`: one `Data` packet, a [`HeapRateReply`].

use crate::codec::{Decode, Encode};
use crate::received::plain;

/// Arguments of `heap-rate`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct HeapRateRequest {
    /// The new mean number of bytes between two samples, 0 for off; absent to only read it.
    pub set_bytes: Option<u64>,
}

/// The sampling rate of the heap: the mean number of bytes between two samples, 0 for off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct HeapRateReply {
    /// The rate before the request, in bytes.
    pub before_bytes: u64,
    /// The rate now, in bytes; the same if the request did not set one.
    pub now_bytes: u64,
    /// The rate at the start of the program, in bytes.
    pub default_bytes: u64,
}

plain!(HeapRateReply);

impl HeapRateRequest {
    /// Whether it sets the rate.
    pub fn sets(&self) -> bool {
        self.set_bytes.is_some()
    }
}
