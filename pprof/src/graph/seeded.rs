//! A fast hash of numbers that a file cannot make collide.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A hash of one number by one multiplication. Its factors are random, so that a file cannot choose numbers that
/// collide.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seeded {
    mask: u64,
    factor: u64,
}

impl Seeded {
    pub(super) fn new() -> Seeded {
        let random = RandomState::new();
        Seeded { mask: random.hash_one(0), factor: random.hash_one(1) | 1 }
    }
}

impl BuildHasher for Seeded {
    type Hasher = SeededHasher;

    fn build_hasher(&self) -> SeededHasher {
        SeededHasher { seed: *self, hash: 0 }
    }
}

/// The state of [`Seeded`].
pub(super) struct SeededHasher {
    seed: Seeded,
    hash: u64,
}

impl Hasher for SeededHasher {
    fn finish(&self) -> u64 {
        self.hash
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from((self.hash ^ number) ^ self.seed.mask) * u128::from(self.seed.factor);
        self.hash = (product >> 64) as u64 ^ product as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }
}
