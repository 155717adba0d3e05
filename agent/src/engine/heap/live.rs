//! The sampled blocks that live: a table of fixed size, changed by any thread without a lock.
//!
//! # Layout
//! A block's address chooses a **bucket** of [`WAYS`] entries; it is in one of these or nowhere. Beside the
//! entries each bucket has a **count**, of the entries that are taken or being taken. The counts are the
//! filter that `free` looks at: one byte, and almost always 0.
//!
//! # Why nothing degrades
//! There is no probing past a bucket, so there are no tombstones: a freed entry is empty again, and a look
//! costs at most [`WAYS`] words whatever happened before. A count is exact: it is raised (by
//! compare-and-swap, never beyond [`WAYS`]) before an entry is taken and lowered after it was emptied. So
//! it cannot saturate, and 0 means that no block of that bucket is in the table. A bucket without room
//! refuses; the caller counts that as lost.
//!
//! # Life of an entry
//! ```text
//! EMPTY ──take──▶ RESERVED (details written) ──publish──▶ address ──remove──▶ RESERVED ──▶ EMPTY, count lowered
//! ```
//! Who raised the count owns one empty entry: entries that are not empty are never more than the count
//! less those who still look for theirs. Each step of `take` that finds its entry gone means that another
//! thread found one: lock-free. An address is in the table at most once, because the allocator gives it to
//! one owner at a time, and the owner removes it before it gives the block back. The thread that frees got
//! the block from the one that allocated it by some happens-before, so it sees the count.

use super::super::sync::{AtomicU8, AtomicU64, Ordering};

/// Entries of a bucket.
pub(in crate::engine) const WAYS: usize = 4;
/// No block is there.
const EMPTY: u64 = 0;
/// Being filled or emptied.
const RESERVED: u64 = 1;
/// Rounds of looking for the entry one owns, before it is given up as if there was no room. Another
/// thread must have been faster that often.
const ROUNDS: usize = 64;

/// What is known of a sampled block, packed into two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Block {
    /// As it was asked for; sizes from 2^40 on are kept as 2^40 - 1.
    pub(in crate::engine) size: u64,
    /// Number of the mean in force when it was sampled (24 bits).
    pub(in crate::engine) mean: u32,
    /// Number of its stack.
    pub(in crate::engine) stack: u32,
    /// When, in units of the caller.
    pub(in crate::engine) time: u32,
}

impl Block {
    /// The largest size that is kept exactly.
    pub(in crate::engine) const MAX_SIZE: u64 = (1 << 40) - 1;

    fn pack(self) -> [u64; 2] {
        let size = self.size.min(Block::MAX_SIZE);
        [size | u64::from(self.mean) << 40, u64::from(self.stack) | u64::from(self.time) << 32]
    }

    fn unpack([first, second]: [u64; 2]) -> Block {
        Block {
            size: first & Block::MAX_SIZE,
            mean: (first >> 40) as u32,
            stack: second as u32,
            time: (second >> 32) as u32,
        }
    }
}

/// The parts of the table, each of its own memory: the counts are looked at by every `free`, the rest by few.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Live {
    /// One a bucket; their number is a power of two.
    pub(in crate::engine) counts: &'static [AtomicU8],
    /// [`WAYS`] a bucket.
    pub(in crate::engine) keys: &'static [AtomicU64],
    /// Two words an entry.
    pub(in crate::engine) details: &'static [AtomicU64],
}

/// A block's entry between the moment it was found and its end: the block is in the table no more, and
/// its room is still kept.
pub(in crate::engine) struct Taken {
    entry: usize,
    pub(in crate::engine) block: Block,
}

/// The bucket of an address among `buckets`, a power of two of at most 2^16.
#[inline(always)]
pub(in crate::engine) fn bucket_of(address: u64, buckets: usize) -> usize {
    // Fibonacci hashing; allocators align to 16, mostly.
    ((address >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48) as usize & (buckets - 1)
}

impl Live {
    /// Entries in all.
    pub(in crate::engine) fn capacity(&self) -> usize {
        self.keys.len()
    }

    /// Adds a block that its owner did not get yet; `false` when its bucket has no room.
    pub(in crate::engine) fn insert(&self, address: u64, block: Block) -> bool {
        let bucket = bucket_of(address, self.counts.len());
        let count = &self.counts[bucket];
        let mut taken = count.load(Ordering::Relaxed);
        loop {
            if usize::from(taken) >= WAYS {
                return false;
            }
            match count.compare_exchange_weak(taken, taken + 1, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => taken = now,
            }
        }
        for round in 0..ROUNDS * WAYS {
            let entry = bucket * WAYS + round % WAYS;
            let key = &self.keys[entry];
            let is_taken = key.load(Ordering::Relaxed) != EMPTY
                || key.compare_exchange(EMPTY, RESERVED, Ordering::Acquire, Ordering::Relaxed).is_err();
            if is_taken {
                continue;
            }
            let [first, second] = block.pack();
            self.details[2 * entry].store(first, Ordering::Relaxed);
            self.details[2 * entry + 1].store(second, Ordering::Relaxed);
            key.store(address, Ordering::Release);
            return true;
        }
        count.fetch_sub(1, Ordering::Release);
        false
    }

    /// Takes a block out that its owner is about to give back; `None` when it was not sampled.
    pub(in crate::engine) fn take(&self, address: u64) -> Option<Taken> {
        let bucket = bucket_of(address, self.counts.len());
        let entry = (bucket * WAYS..(bucket + 1) * WAYS)
            .find(|entry| self.keys[*entry].load(Ordering::Relaxed) == address)?;
        // Nobody else frees this block: a compare-and-swap that fails is a double free of the program's.
        self.keys[entry].compare_exchange(address, RESERVED, Ordering::Acquire, Ordering::Relaxed).ok()?;
        let details = [2 * entry, 2 * entry + 1].map(|at| self.details[at].load(Ordering::Relaxed));
        Some(Taken { entry, block: Block::unpack(details) })
    }

    /// The block was given back: its entry is free again.
    pub(in crate::engine) fn forget(&self, taken: Taken) {
        self.keys[taken.entry].store(EMPTY, Ordering::Release);
        // After the entry was emptied: whoever raises the count from here on finds it.
        self.counts[taken.entry / WAYS].fetch_sub(1, Ordering::Release);
    }

    /// The block was not given back after all (its reallocation failed): it lives on.
    pub(in crate::engine) fn put_back(&self, taken: Taken, address: u64) {
        self.keys[taken.entry].store(address, Ordering::Release);
    }

    /// Every block that is in the table throughout this call, and of those that come or go meanwhile
    /// some. By the agent's thread.
    pub(in crate::engine) fn each(&self, mut look: impl FnMut(Block)) {
        for (entry, key) in self.keys.iter().enumerate() {
            let address = key.load(Ordering::Acquire);
            if address == EMPTY || address == RESERVED {
                continue;
            }
            let read = || [2 * entry, 2 * entry + 1].map(|at| self.details[at].load(Ordering::Acquire));
            let (first, second) = (read(), read());
            // Another block may have taken its place while we read; one of the same address, even.
            if first == second && key.load(Ordering::Acquire) == address {
                look(Block::unpack(first));
            }
        }
    }
}

#[cfg(all(test, not(rgops_loom)))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn live(buckets: usize) -> Live {
        let zeros = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect::<Vec<_>>().leak();
        let counts = (0..buckets).map(|_| AtomicU8::new(0)).collect::<Vec<_>>().leak();
        Live { counts, keys: zeros(buckets * WAYS), details: zeros(buckets * WAYS * 2) }
    }

    fn block(stack: u32) -> Block {
        Block { size: 100, mean: 3, stack, time: 7 }
    }

    fn count(live: &Live) -> usize {
        let mut count = 0;
        live.each(|_| count += 1);
        count
    }

    #[test]
    fn a_block_comes_back_as_it_was() {
        let live = live(4);
        let whole = Block { size: Block::MAX_SIZE, mean: (1 << 24) - 1, stack: u32::MAX, time: u32::MAX };
        assert!(live.insert(0x7f00_0000_1010, whole));
        assert!(live.take(0x7f00_0000_1018).is_none(), "another");
        let taken = live.take(0x7f00_0000_1010).unwrap();
        assert_eq!(taken.block, whole);
        live.put_back(taken, 0x7f00_0000_1010);
        let taken = live.take(0x7f00_0000_1010).unwrap();
        live.forget(taken);
        assert!(live.take(0x7f00_0000_1010).is_none());
        assert!(live.counts.iter().all(|count| count.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn a_full_bucket_refuses_and_has_room_again() {
        let live = live(1);
        for address in 1..=WAYS as u64 {
            assert!(live.insert(16 * address, block(address as u32)));
        }
        assert!(!live.insert(16 * 99, block(99)));
        assert_eq!(count(&live), WAYS);
        live.forget(live.take(32).unwrap());
        assert!(live.insert(16 * 99, block(99)));
        assert_eq!(live.take(16 * 99).unwrap().block.stack, 99);
    }

    /// What the prototype of this table did not survive: it had tombstones.
    #[test]
    fn it_is_as_quick_after_a_million_blocks_as_at_first() {
        let live = live(64);
        for address in 0..if cfg!(miri) { 1_000 } else { 1_000_000u64 } {
            assert!(live.insert(0x1000 + 16 * address, block(1)));
            live.forget(live.take(0x1000 + 16 * address).unwrap());
        }
        assert_eq!(count(&live), 0);
        assert!(live.keys.iter().all(|key| key.load(Ordering::Relaxed) == EMPTY));
        assert!(live.counts.iter().all(|count| count.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn threads_lose_nothing_that_was_accepted() {
        let live = live(8);
        std::thread::scope(|scope| {
            for thread in 1..=4u32 {
                scope.spawn(move || {
                    for round in 0..if cfg!(miri) { 100 } else { 100_000u64 } {
                        let address = u64::from(thread) << 32 | (round % 64) << 4;
                        if live.insert(address, block(thread)) {
                            let taken = live.take(address).expect("it was accepted");
                            assert_eq!(taken.block, block(thread));
                            live.forget(taken);
                        }
                    }
                });
            }
        });
        assert_eq!(count(&live), 0);
        assert!(live.counts.iter().all(|count| count.load(Ordering::Relaxed) == 0));
    }
}
