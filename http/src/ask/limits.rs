//! Limits of a request.

/// The most that `seconds` may be. Go has no limit.
pub const MAX_SECONDS: u64 = 3600;

/// The most that `hz` may be: samples a second of each thread.
pub const MAX_HZ: u32 = 10_000;

/// The most bytes of a query.
pub const MAX_QUERY_BYTES: usize = 64 << 10;

/// The most bytes of a body, which only `POST symbol` has. A server reads no more than this, and one byte to see that
/// there is more.
pub const MAX_BODY_BYTES: usize = 2 << 20;

/// The most addresses of one `symbol`.
pub const MAX_ADDRESSES: usize = 65_536;
