//! The cache: thumbnails in a table of fixed size. Once it is full, every new one replaces an old one.

use crate::random::Random;
use crate::touched;
use crate::truth::Truth;

/// Minimum and maximum size of an entry in bytes.
const ENTRY: (u64, u64) = (1024, 15 * 1024);

/// The table and its entries.
#[derive(Debug)]
pub(crate) struct Cache {
    places: usize,
    /// Allocated when the first entry is added.
    entries: Vec<Option<Box<[u8]>>>,
    filled: usize,
    random: Random,
    pub(crate) truth: Truth,
}

impl Cache {
    /// A cache that holds about `bound` bytes when it is full.
    pub(crate) fn new(bound: u64) -> Cache {
        let places = (bound / u64::midpoint(ENTRY.0, ENTRY.1)) as usize;
        Cache {
            places,
            entries: Vec::new(),
            filled: 0,
            random: Random::new(0x0bad_cafe),
            truth: Truth::default(),
        }
    }

    /// Adds about `bytes` bytes; returns the exact number.
    pub(crate) fn fill(&mut self, bytes: u64) -> u64 {
        let before = self.truth.allocated_bytes;
        if self.entries.is_empty() && self.places > 0 {
            self.entries = (0..self.places).map(|_| None).collect();
            self.truth.allocated(size_of_val(self.entries.as_slice()));
        }
        while self.truth.allocated_bytes - before < bytes && self.places > 0 {
            self.keep_thumbnail();
        }
        self.truth.allocated_bytes - before
    }

    #[inline(never)]
    fn keep_thumbnail(&mut self) {
        let thumbnail = touched(vec![2_u8; self.random.between(ENTRY.0, ENTRY.1)], &mut self.truth);
        // Empty places first, then a random one.
        let place = match self.filled < self.entries.len() {
            true => self.filled,
            false => self.random.between(0, self.entries.len() as u64 - 1),
        };
        self.filled = self.filled.max(place + 1);
        if let Some(replaced) = self.entries[place].replace(thumbnail) {
            self.truth.freed(replaced.len());
        }
    }

    pub(crate) fn clear(&mut self) {
        for entry in self.entries.iter_mut().filter_map(Option::take) {
            self.truth.freed(entry.len());
        }
        if !self.entries.is_empty() {
            self.truth.freed(size_of_val(self.entries.as_slice()));
        }
        self.entries = Vec::new();
        self.filled = 0;
    }
}
