//! From the bytes of a file to checked messages: gzip around the protobuf message. Sizes are limited.

use std::io::Read as _;

use prost::Message as _;

use super::error::{MAX_MESSAGES_BYTES, ReadError};
use super::input::{GZIP_MAGIC, Members};
use crate::check::check;
use crate::proto::Profile;

/// Reads a profile as messages, compressed by gzip or not, and checks that it has everything it refers to.
///
/// # Errors
/// [`ReadError`].
pub fn read(bytes: &[u8]) -> Result<Profile, ReadError> {
    read_up_to(bytes, MAX_MESSAGES_BYTES)
}

fn read_up_to(bytes: &[u8], limit: u64) -> Result<Profile, ReadError> {
    let profile = if bytes.starts_with(&GZIP_MAGIC) {
        let mut raw = Vec::new();
        Members::new(bytes).take(limit + 1).read_to_end(&mut raw).map_err(ReadError::Decompress)?;
        if raw.len() as u64 > limit {
            return Err(ReadError::TooLarge);
        }
        Profile::decode(raw.as_slice())?
    } else {
        Profile::decode(bytes)?
    };
    check(&profile).map_err(ReadError::Invalid)?;
    Ok(profile)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::proto::{Sample, ValueType};
    use crate::write::encode;

    #[test]
    fn a_bomb_and_dangling_references_are_refused() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0u8; (1 << 20) + 1]).unwrap();
        assert!(matches!(read_up_to(&encoder.finish().unwrap(), 1 << 20), Err(ReadError::TooLarge)));
        assert!(matches!(read(b"\x1f\x8bgarbage"), Err(ReadError::Decompress(_))));
        let mut profile = Profile { sample_type: vec![ValueType::default()], ..Default::default() };
        profile.sample.push(Sample { location_id: vec![9], value: vec![1], label: vec![] });
        assert!(matches!(read(&encode(&profile)), Err(ReadError::Invalid(_))));
    }
}
