//! Why a request is not answered.

use http::StatusCode;

use super::limits::{MAX_ADDRESSES, MAX_BODY_BYTES, MAX_HZ, MAX_QUERY_BYTES, MAX_SECONDS};

/// Why a request is not answered. Its text is the body of the answer; those that Go has are Go's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No profile has this name.
    #[error("Unknown profile")]
    UnknownProfile,
    /// Go's `goroutineleak`, which its garbage collector makes.
    #[error(
        "Unknown profile: only a garbage collector finds leaked goroutines; deadlocks of tasks are in goroutine?debug=2"
    )]
    NoGarbageCollector,
    /// `seconds` of a delta or of a view of ours.
    #[error("invalid value for \"seconds\" - must be a positive integer")]
    Seconds,
    /// `seconds` is more than [`MAX_SECONDS`].
    #[error("invalid value for \"seconds\" - must be at most {MAX_SECONDS}")]
    TooLong,
    /// `seconds` with `debug`.
    #[error("seconds and debug params are incompatible")]
    SecondsWithDebug,
    /// `hz`, which is ours.
    #[error("invalid value for \"hz\" - must be an integer from 1 to {MAX_HZ}")]
    Hz,
    /// The method is not one of these.
    #[error("Method Not Allowed")]
    Method {
        /// The value of `Allow`.
        allowed: &'static str,
    },
    /// The query is longer than [`MAX_QUERY_BYTES`].
    #[error("the query is longer than {MAX_QUERY_BYTES} bytes; send addresses as the body of a POST")]
    Query,
    /// The body is longer than [`MAX_BODY_BYTES`].
    #[error("the body is longer than {MAX_BODY_BYTES} bytes; ask for fewer addresses at a time")]
    Body,
    /// There are more addresses than [`MAX_ADDRESSES`].
    #[error("more than {MAX_ADDRESSES} addresses; ask for fewer at a time")]
    Addresses,
}

impl Refusal {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Refusal::UnknownProfile | Refusal::NoGarbageCollector => StatusCode::NOT_FOUND,
            Refusal::Seconds | Refusal::TooLong | Refusal::SecondsWithDebug | Refusal::Hz => {
                StatusCode::BAD_REQUEST
            }
            Refusal::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Query => StatusCode::URI_TOO_LONG,
            Refusal::Body | Refusal::Addresses => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }
}
