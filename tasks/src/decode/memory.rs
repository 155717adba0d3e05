//! The memory for decoding a task: the bytes of its cell and of the ranges requested later.

use std::cell::RefCell;
use std::collections::HashSet;

use rgops_protocol::request::{MAX_RANGE_BYTES, MemoryRange};

/// Maximum ranges that one task may request, and maximum bytes of all of them. A task of a real program
/// requests about ten.
const MAX_RANGES: usize = 4096;
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes of the program by address. A lookup stays fast when there are many ranges.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    /// In the order of arrival.
    known: Vec<(u64, Vec<u8>)>,
    /// Sorted by start.
    order: Vec<Known>,
    unreadable: Vec<Gone>,
    /// Requested since the last answer.
    missing: RefCell<Missing>,
    requested_bytes: u64,
}

/// A known range in the order of memory.
#[derive(Debug, Clone, Copy)]
struct Known {
    start: u64,
    /// Index of the range with the highest end among this one and those before: if any of them contains a
    /// given range, that one does.
    last: usize,
    last_end: u64,
}

/// An unreadable range in the order of memory.
#[derive(Debug, Clone, Copy)]
struct Gone {
    start: u64,
    /// The lowest end among this range and those after it.
    first_end: u64,
}

#[derive(Debug, Default)]
struct Missing {
    ranges: Vec<MemoryRange>,
    places: HashSet<(u64, u32)>,
    bytes: u64,
}

/// Why there are no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoBytes {
    /// They were requested and have not arrived.
    NotYet,
    /// They cannot be read, or exceed the limit of a task.
    Never,
}

impl Snapshot {
    /// The bytes known from the start. Bytes beyond the last address are ignored.
    pub(super) fn new(avma: u64, mut bytes: Vec<u8>) -> Snapshot {
        bytes.truncate(usize::try_from(u64::MAX - avma).unwrap_or(usize::MAX));
        let mut snapshot = Snapshot::default();
        snapshot.keep(avma, bytes);
        snapshot
    }

    fn keep(&mut self, start: u64, bytes: Vec<u8>) {
        let end = start.saturating_add(bytes.len() as u64);
        let (number, at) = (self.known.len(), self.order.partition_point(|known| known.start <= start));
        let before = at.checked_sub(1).map(|before| self.order[before]);
        let (last, last_end) = match before.filter(|before| before.last_end >= end) {
            Some(before) => (before.last, before.last_end),
            None => (number, end),
        };
        self.order.insert(at, Known { start, last, last_end });
        for known in self.order[at + 1..].iter_mut().take_while(|known| known.last_end < end) {
            (known.last, known.last_end) = (number, end);
        }
        self.known.push((start, bytes));
    }

    fn holding(&self, avma: u64, end: u64) -> Option<&(u64, Vec<u8>)> {
        let after = self.order.partition_point(|known| known.start <= avma);
        let known = self.order[after.checked_sub(1)?];
        (known.last_end >= end).then(|| &self.known[known.last])
    }

    /// Whether this range contains an unreadable one.
    fn is_gone(&self, avma: u64, end: u64) -> bool {
        let at = self.unreadable.partition_point(|gone| gone.start < avma);
        self.unreadable.get(at).is_some_and(|gone| gone.first_end <= end)
    }

    /// Whether a range was requested and cannot be read, or cannot be memory.
    pub(super) fn is_unreadable(&self, avma: u64, length: u64) -> bool {
        avma == 0 || avma.checked_add(length).is_none_or(|end| self.is_gone(avma, end))
    }

    /// The bytes of a range; requests them if they are unknown.
    pub(super) fn read(&self, avma: u64, length: u64) -> Result<&[u8], NoBytes> {
        let end = avma.checked_add(length).ok_or(NoBytes::Never)?;
        if let Some((start, bytes)) = self.holding(avma, end) {
            let at = (avma - start) as usize;
            return Ok(&bytes[at..at + length as usize]);
        }
        if length > u64::from(MAX_RANGE_BYTES) || self.known.len() + self.unreadable.len() >= MAX_RANGES {
            return Err(NoBytes::Never);
        }
        let range = MemoryRange { avma, length: length as u32 };
        if avma == 0 || self.is_gone(avma, end) {
            return Err(NoBytes::Never);
        }
        let mut missing = self.missing.borrow_mut();
        if !missing.places.contains(&(avma, range.length)) {
            if self.requested_bytes + missing.bytes + length > MAX_BYTES || missing.ranges.len() >= MAX_RANGES
            {
                return Err(NoBytes::Never);
            }
            missing.places.insert((avma, range.length));
            missing.ranges.push(range);
            missing.bytes += length;
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

    /// The ranges requested since the last answer.
    pub(super) fn take_missing(&mut self) -> Vec<MemoryRange> {
        let missing = std::mem::take(&mut *self.missing.borrow_mut());
        self.requested_bytes += missing.bytes;
        missing.ranges
    }

    /// Takes the answer for one range; returns whether its bytes are kept.
    pub(super) fn answer(&mut self, range: MemoryRange, bytes: Option<Vec<u8>>) -> bool {
        match bytes {
            Some(bytes) if bytes.len() == range.length as usize => {
                self.keep(range.avma, bytes);
                true
            }
            _ => {
                self.lose(range);
                false
            }
        }
    }

    fn lose(&mut self, range: MemoryRange) {
        let (start, end) = (range.avma, range.avma.saturating_add(u64::from(range.length)));
        let at = self.unreadable.partition_point(|gone| gone.start < start);
        let behind = self.unreadable.get(at).map_or(u64::MAX, |gone| gone.first_end);
        self.unreadable.insert(at, Gone { start, first_end: end.min(behind) });
        for gone in self.unreadable[..at].iter_mut().rev().take_while(|gone| gone.first_end > end) {
            gone.first_end = end;
        }
    }

    /// All memory that was used, in ranges that can be requested: it must still be the same at the end.
    /// Without the first `skipped` bytes of the first range, which may change.
    pub(super) fn used(&self, skipped: usize) -> impl Iterator<Item = (MemoryRange, &[u8])> {
        self.known.iter().enumerate().flat_map(move |(number, (avma, bytes))| {
            let skipped = if number == 0 { skipped.min(bytes.len()) } else { 0 };
            let starts = (avma + skipped as u64..).step_by(MAX_RANGE_BYTES as usize);
            let pieces = bytes[skipped..].chunks(MAX_RANGE_BYTES as usize);
            let range = |avma, piece: &[u8]| MemoryRange { avma, length: piece.len() as u32 };
            pieces.zip(starts).map(move |(piece, avma)| (range(avma, piece), piece))
        })
    }

    /// Whether it is one range, and therefore from one read.
    pub(super) fn is_single(&self) -> bool {
        self.known.len() <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An agent may report any address for a cell.
    #[test]
    fn bytes_beyond_the_last_address_are_ignored() {
        let last = u64::MAX - 10;
        let snapshot = Snapshot::new(last, vec![7; 100]);
        assert_eq!(snapshot.number(last, 8), Ok(0x0707_0707_0707_0707));
        assert_eq!(snapshot.read(last + 5, 8), Err(NoBytes::Never));
        assert_eq!(snapshot.read(0x1000, 8), Err(NoBytes::NotYet));
        let used: Vec<usize> = snapshot.used(4).map(|(_, bytes)| bytes.len()).collect();
        assert_eq!(used, [6]);
    }

    #[test]
    fn a_range_that_contains_another_is_found_among_many() {
        let mut snapshot = Snapshot::new(0x1000, vec![1; 16]);
        let (mut ranges, mut seed) = (Vec::new(), 7u64);
        for number in 0..300u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let range =
                MemoryRange { avma: 0x2000 + (seed >> 40) % 500, length: 1 + (seed >> 20) as u32 % 40 };
            let is_known = number % 3 > 0;
            ranges.push((range, is_known));
            snapshot.answer(range, is_known.then(|| vec![0; range.length as usize]));
        }
        let end = |range: &MemoryRange| range.avma + u64::from(range.length);
        for avma in 0x1ff0..0x2220 {
            for length in 1..50 {
                let is_in = |(range, is_known): &(MemoryRange, bool)| {
                    *is_known && range.avma <= avma && avma + length <= end(range)
                };
                let is_gone = |(range, is_known): &(MemoryRange, bool)| {
                    !*is_known && range.avma >= avma && end(range) <= avma + length
                };
                let expected = match (ranges.iter().any(is_in), ranges.iter().any(is_gone)) {
                    (true, _) => Ok(length),
                    (false, true) => Err(NoBytes::Never),
                    (false, false) => Err(NoBytes::NotYet),
                };
                assert_eq!(snapshot.read(avma, length).map(|bytes| bytes.len() as u64), expected);
            }
            snapshot.take_missing();
        }
    }

    #[test]
    fn lookups_stay_fast_with_many_ranges() {
        let mut snapshot = Snapshot::new(0x1000, vec![0; 16]);
        for number in 0..4000u64 {
            snapshot.answer(MemoryRange { avma: 0x10_0000 + number * 16, length: 8 }, Some(vec![0; 8]));
        }
        let began = std::time::Instant::now();
        for number in 0..1_000_000u64 {
            assert!(snapshot.read(0x10_0000 + number % 4000 * 16, 8).is_ok());
        }
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    }

    #[test]
    fn unreadable_ranges_count_toward_the_limit() {
        let mut snapshot = Snapshot::new(0x1000, vec![0; 16]);
        for number in 0..4096u64 {
            let avma = 0x10_0000 + number * 16;
            assert_eq!(
                snapshot.read(avma, 8),
                Err(if number < 4095 { NoBytes::NotYet } else { NoBytes::Never })
            );
            for range in snapshot.take_missing() {
                snapshot.answer(range, None);
            }
        }
    }
}
