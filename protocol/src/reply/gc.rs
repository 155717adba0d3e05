//! Answer of `gc`: one `Data` packet, a [`GcReply`].

use super::Known;
use super::memstats::Field;
use crate::codec::{Decode, Encode};
use crate::received::{NAME_CHARACTERS, fields};

/// Arguments of `gc`: none.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct GcRequest {}

/// The result of releasing free memory to the system, one allocator after another.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct GcReply {
    /// The allocators of the process that support it.
    pub allocators: Vec<Released>,
}

/// The result of one allocator.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Released {
    /// Its name: `glibc`, `jemalloc`, `mimalloc`.
    pub allocator: String,
    /// The call that was made, such as `malloc_trim(0)`, or why it was not possible.
    pub called: Known<String>,
    /// The duration of the call in nanoseconds; 0 if there was none.
    pub took_ns: u64,
    /// Resident memory of the process before, in bytes.
    pub rss_before_bytes: Known<u64>,
    /// Resident memory of the process after, in bytes.
    pub rss_after_bytes: Known<u64>,
    /// The allocator's own statistics before, as in `memstats`.
    pub before: Vec<Field>,
    /// The allocator's own statistics after.
    pub after: Vec<Field>,
}

fields! {
    GcReply { allocators }
    Released {
        allocator: NAME_CHARACTERS, called: NAME_CHARACTERS, took_ns, rss_before_bytes, rss_after_bytes,
        before, after,
    }
}
