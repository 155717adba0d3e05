//! The memory a task's decoding has: the bytes of its cell and what was asked for since.

use std::cell::RefCell;

use rgops_protocol::request::{MAX_RANGE_BYTES, MemoryRange};

/// Ranges one task may ask for, and their bytes together. A task of a real program asks for some ten.
const MOST_RANGES: usize = 4096;
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes of the program, by where they were.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    known: Vec<(u64, Vec<u8>)>,
    unreadable: Vec<MemoryRange>,
    /// Asked for since the last answer.
    missing: RefCell<Vec<MemoryRange>>,
    asked_bytes: u64,
}

/// Why there are no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoBytes {
    /// They have been asked for.
    NotYet,
    /// They cannot be read, or are more than a task may ask for.
    Never,
}

impl Snapshot {
    /// What is known from the beginning. What would be beyond the last address is not.
    pub(super) fn new(avma: u64, mut bytes: Vec<u8>) -> Snapshot {
        bytes.truncate(usize::try_from(u64::MAX - avma).unwrap_or(usize::MAX));
        Snapshot { known: vec![(avma, bytes)], ..Snapshot::default() }
    }

    /// Bytes of the range; asks for them where they are not known.
    pub(super) fn read(&self, avma: u64, length: u64) -> Result<&[u8], NoBytes> {
        let end = avma.checked_add(length).ok_or(NoBytes::Never)?;
        let holds = |(start, bytes): &&(u64, Vec<u8>)| *start <= avma && end <= *start + bytes.len() as u64;
        if let Some((start, bytes)) = self.known.iter().find(holds) {
            let at = (avma - start) as usize;
            return Ok(&bytes[at..at + length as usize]);
        }
        if length > u64::from(MAX_RANGE_BYTES) || self.known.len() >= MOST_RANGES {
            return Err(NoBytes::Never);
        }
        let range = MemoryRange { avma, length: length as u32 };
        let is_unreadable =
            |gone: &MemoryRange| gone.avma >= avma && gone.avma + u64::from(gone.length) <= end;
        if avma == 0 || self.unreadable.iter().any(is_unreadable) {
            return Err(NoBytes::Never);
        }
        let mut missing = self.missing.borrow_mut();
        if !missing.contains(&range) {
            let wanted: u64 = missing.iter().map(|range| u64::from(range.length)).sum();
            if self.asked_bytes + wanted + length > MOST_BYTES || missing.len() >= MOST_RANGES {
                return Err(NoBytes::Never);
            }
            missing.push(range);
        }
        Err(NoBytes::NotYet)
    }

    /// An unsigned number of at most eight bytes, little-endian.
    pub(super) fn number(&self, avma: u64, size: u64) -> Result<u64, NoBytes> {
        let mut word = [0; 8];
        let bytes = self.read(avma, size.min(8))?;
        word[..bytes.len()].copy_from_slice(bytes);
        Ok(u64::from_le_bytes(word))
    }

    /// An unsigned number of at most sixteen bytes.
    pub(super) fn wide(&self, avma: u64, size: u64) -> Result<u128, NoBytes> {
        let mut word = [0; 16];
        let bytes = self.read(avma, size.min(16))?;
        word[..bytes.len()].copy_from_slice(bytes);
        Ok(u128::from_le_bytes(word))
    }

    /// What was asked for since the last answer.
    pub(super) fn take_missing(&mut self) -> Vec<MemoryRange> {
        let missing = std::mem::take(&mut *self.missing.borrow_mut());
        self.asked_bytes += missing.iter().map(|range| u64::from(range.length)).sum::<u64>();
        missing
    }

    /// Takes the answer for one range.
    pub(super) fn answer(&mut self, range: MemoryRange, bytes: Option<Vec<u8>>) {
        match bytes {
            Some(bytes) if bytes.len() == range.length as usize => self.known.push((range.avma, bytes)),
            _ => self.unreadable.push(range),
        }
    }

    /// Everything that was used, in pieces that can be asked for: what must still be the same at the end.
    /// Without the first `skipped` bytes of the first range, which may change meanwhile.
    pub(super) fn used(&self, skipped: usize) -> Vec<(MemoryRange, &[u8])> {
        let mut used = Vec::new();
        for (number, (avma, bytes)) in self.known.iter().enumerate() {
            let skipped = if number == 0 { skipped.min(bytes.len()) } else { 0 };
            let mut avma = avma + skipped as u64;
            for piece in bytes[skipped..].chunks(MAX_RANGE_BYTES as usize) {
                used.push((MemoryRange { avma, length: piece.len() as u32 }, piece));
                avma += piece.len() as u64;
            }
        }
        used
    }

    /// Whether it is one range: one moment by itself.
    pub(super) fn is_single(&self) -> bool {
        self.known.len() <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An agent may say that a cell is anywhere.
    #[test]
    fn nothing_is_known_beyond_the_last_address() {
        let last = u64::MAX - 10;
        let snapshot = Snapshot::new(last, vec![7; 100]);
        assert_eq!(snapshot.number(last, 8), Ok(0x0707_0707_0707_0707));
        assert_eq!(snapshot.read(last + 5, 8), Err(NoBytes::Never));
        assert_eq!(snapshot.read(0x1000, 8), Err(NoBytes::NotYet));
        let used: Vec<usize> = snapshot.used(4).iter().map(|(_, bytes)| bytes.len()).collect();
        assert_eq!(used, [6]);
    }
}
