//! From the bytes of a file to a profile: gzip, zstd or nothing around a protobuf message. Sizes are limited.
//!
//! [`read_profile`] decodes straight into columns while it decompresses; [`read()`] makes messages.

mod budget;
mod columns;
mod entries;
mod error;
mod input;
mod kind;
mod messages;
mod numbers;
mod resolve;
#[cfg(test)]
mod tests;
mod wire;

pub use budget::Limits;
pub use error::ReadError;
pub use messages::read;

use crate::profile::Profile;

/// Reads a profile, compressed or not, with the default [`Limits`].
///
/// What google/pprof accepts is accepted: ids in any order with gaps, repeated numbers packed or not, fields that nobody
/// knows, text that is not UTF-8.
///
/// # Errors
/// [`ReadError`].
///
/// ```
/// use rgops_pprof::{Profile, read_profile, write::encode_profile};
///
/// let file = encode_profile(&Profile::default());
/// assert_eq!(read_profile(&file)?.samples.len(), 0);
/// let error = read_profile(b"heap profile: 1: 2 [3: 4] @").unwrap_err();
/// assert!(error.to_string().starts_with("not a pprof profile but a legacy profile"));
/// # Ok::<(), rgops_pprof::ReadError>(())
/// ```
pub fn read_profile(bytes: &[u8]) -> Result<Profile, ReadError> {
    read_profile_within(bytes, Limits::default())
}

/// The same with other limits.
///
/// # Errors
/// [`ReadError`].
pub fn read_profile_within(bytes: &[u8], limits: Limits) -> Result<Profile, ReadError> {
    let mut input = input::Input::new(bytes, limits)?;
    if let Some(other) = kind::other_than_a_profile(input.peek(kind::PEEKED_BYTES)?) {
        return Err(ReadError::Other(other));
    }
    let mut columns = columns::Columns::new(limits);
    columns.read(&mut input)?;
    resolve::resolve(columns)
}

/// The first bytes of a file as they are when decompressed, at most `most`: to say what a file is that is no profile.
///
/// # Errors
/// [`ReadError`] if the file is empty or cannot be decompressed.
pub fn read_beginning(bytes: &[u8], most: usize) -> Result<Vec<u8>, ReadError> {
    Ok(input::Input::new(bytes, Limits::default())?.peek(most)?.to_vec())
}
