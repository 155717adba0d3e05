//! Finds the number of something by its hash: the index of interned strings and lists.

use std::hash::{BuildHasher, Hasher, RandomState};

/// An open hash table from hashes to numbers. What is numbered is elsewhere: the caller compares it.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    /// Half of each hash and a number; `NONE` if the slot is free. The length is a power of two.
    slots: Vec<(u32, u32)>,
    used: usize,
}

/// The number of a free slot.
const NONE: u32 = u32::MAX;

impl Slots {
    /// The number with this hash that `is_same` accepts.
    pub(super) fn find(&self, hash: u32, is_same: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            match self.slots.get(at) {
                Some((_, NONE)) | None => return None,
                Some((known, number)) if *known == hash && is_same(*number) => return Some(*number),
                Some(_) => at = (at + 1) & mask,
            }
        }
    }

    /// Adds a number that is not there.
    pub(super) fn insert(&mut self, hash: u32, number: u32) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            let larger = vec![(0, NONE); (self.slots.len() * 2).max(16)];
            for (hash, number) in std::mem::replace(&mut self.slots, larger) {
                if number != NONE {
                    self.place(hash, number);
                }
            }
        }
        self.place(hash, number);
        self.used += 1;
    }

    /// Puts a number into the first free slot, of which there is one.
    fn place(&mut self, hash: u32, number: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at].1 != NONE {
            at = (at + 1) & mask;
        }
        self.slots[at] = (hash, number);
    }
}

/// Makes hashes with a secret that is different in each process, so that no file can be made of collisions.
#[derive(Debug, Clone)]
pub(super) struct Secret([u64; 2]);

impl Secret {
    pub(super) fn new() -> Secret {
        let random = RandomState::new();
        Secret([random.hash_one(1), random.hash_one(2)])
    }

    /// The hash of a value.
    pub(super) fn of<T: std::hash::Hash + ?Sized>(&self, value: &T) -> u32 {
        let hash = self.hash_one(value);
        (hash ^ (hash >> 32)) as u32
    }
}

impl BuildHasher for Secret {
    type Hasher = Fold;

    fn build_hasher(&self) -> Fold {
        Fold { state: self.0[0], secret: self.0[1] | 1 }
    }
}

/// Multiplies and folds: a few cycles a word, where the default hasher takes tens.
#[derive(Debug)]
pub(super) struct Fold {
    state: u64,
    secret: u64,
}

impl Fold {
    fn add(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.secret);
        self.state = (product as u64) ^ ((product >> 64) as u64).wrapping_add(self.secret.rotate_left(17));
    }
}

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.add(u64::from_le_bytes(word.try_into().unwrap_or_default()));
        }
        let mut last = [0; 8];
        let rest = words.remainder();
        last[..rest.len()].copy_from_slice(rest);
        self.add(u64::from_le_bytes(last));
        self.add(bytes.len() as u64);
    }

    fn write_u8(&mut self, value: u8) {
        self.add(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.add(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    fn write_i64(&mut self, value: i64) {
        self.add(value as u64);
    }

    fn write_usize(&mut self, value: usize) {
        self.add(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.add(value as u64);
    }

    fn finish(&self) -> u64 {
        let product = u128::from(self.state) * u128::from(self.secret.rotate_left(32) | 1);
        (product as u64) ^ ((product >> 64) as u64)
    }
}
