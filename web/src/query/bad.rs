//! Why an address cannot be used.

/// The most bytes of an address that are read, behind its `?`.
pub(super) const MAX_BYTES: usize = 8 << 10;
/// The most parameters.
pub(super) const MAX_PARAMETERS: usize = 64;

/// Why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadQuery {
    /// It is too long.
    #[error("the address is too long: at most {MAX_BYTES} bytes and {MAX_PARAMETERS} parameters are read")]
    TooLong,
    /// A `%` without a byte in hexadecimal digits, or bytes that are not UTF-8.
    #[error("{0:?} in the address is not UTF-8 in percent-encoding")]
    Encoding(String),
    /// An option does not take such a value.
    #[error("{0}")]
    Option(String),
}
