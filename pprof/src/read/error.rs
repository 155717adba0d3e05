//! Why bytes are not a profile.

use std::io;

/// Maximum size of messages after decompression. Otherwise a gzip file of a few kilobytes could fill the memory.
pub(super) const MAX_MESSAGES_BYTES: u64 = 512 * 1024 * 1024;

/// Why bytes are not a profile.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The envelope of gzip or zstd is broken.
    #[error("the profile cannot be decompressed: {0}")]
    Decompress(#[source] io::Error),
    /// It is larger than the limit.
    #[error("the profile is larger than {} MB when decompressed", MAX_MESSAGES_BYTES >> 20)]
    TooLarge,
    /// The bytes are not a `profile.proto` message.
    #[error("not a pprof profile: {0}")]
    Decode(#[from] prost::DecodeError),
    /// It is damaged, or refers to something that is not in it.
    #[error("not a valid pprof profile: {0}")]
    Invalid(String),
    /// It needs more memory than the limit.
    #[error("the profile needs more than {} MB of memory", .0 >> 20)]
    Memory(u64),
    /// It is far larger when decompressed than profiles are: a decompression bomb.
    #[error("the profile is more than {0} times as large when decompressed")]
    Bomb(u64),
    /// It is something else, such as a profile in a format of before `profile.proto`.
    #[error("not a pprof profile but {0}")]
    Other(&'static str),
}
