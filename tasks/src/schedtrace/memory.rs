//! Requested and received memory of the program.

use rgops_protocol::reply::Unavailable;
use rgops_protocol::request::MemoryRange;

use crate::schedtrace::path::Number;

/// The bytes of ranges; `None` for an unreadable range.
pub type Read = [Option<Vec<u8>>];

/// Reads memory of the program.
pub trait Memory {
    /// The bytes of each range; `None` for an unreadable range.
    ///
    /// # Errors
    /// Why nothing can be read.
    fn read(&mut self, ranges: &[MemoryRange]) -> Result<Vec<Option<Vec<u8>>>, Unavailable>;
}

/// The bytes of each range; bytes with a length other than their range are dropped.
pub fn whole(ranges: &[MemoryRange], mut bytes: Vec<Option<Vec<u8>>>) -> Vec<Option<Vec<u8>>> {
    bytes.resize(ranges.len(), None);
    for (bytes, range) in bytes.iter_mut().zip(ranges) {
        *bytes = bytes.take().filter(|bytes| bytes.len() as u64 == u64::from(range.length));
    }
    bytes
}

/// The number that fills a range.
pub(super) fn word(read: &Read, range: usize) -> Option<u64> {
    let bytes = read.get(range)?.as_deref()?;
    unsigned(bytes, Number { offset: 0, bytes: bytes.len() as u64 })
}

/// A little-endian number: x86_64 and aarch64 store numbers in this order.
pub(super) fn unsigned(bytes: &[u8], number: Number) -> Option<u64> {
    let start = usize::try_from(number.offset).ok()?;
    let piece = bytes.get(start..start.checked_add(usize::try_from(number.bytes).ok()?)?)?;
    let mut word = [0; 8];
    word.get_mut(..piece.len())?.copy_from_slice(piece);
    Some(u64::from_le_bytes(word))
}
