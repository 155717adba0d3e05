//! The table of live sampled blocks: fixed size, changed by any thread without a lock.
//!
//! # Layout
//! A block's address selects a **bucket** of [`WAYS`] entries; the block is in one of these or not in the table. An
//! entry is half a cache line. Besides the entries, each bucket has a byte with one bit per entry for those **taken**,
//! and each group of [`GROUP`] buckets has a byte with their **number**. These counts are the filter that
//! every `free` reads: 32 cache lines, which stay in the first-level cache.
//!
//! # Why it does not degrade
//! There is no probing beyond a bucket, so there are no tombstones: a freed entry is empty again, and a lookup
//! always reads at most [`WAYS`] words. The filter is exact. On insertion the bit is set by
//! compare-and-swap and counted before the entry is written. On removal the entry is emptied, then the count is
//! decremented, then the bit is cleared. So a count never exceeds the number of bits set, it cannot
//! overflow or saturate, and 0 means that no block of these buckets is in the table. A bucket without a free
//! bit refuses; the caller counts that as lost.
//!
//! # States of an entry
//! ```text
//! free ──reserve: set the bit, count──▶ ours ──fill: write the details, then the address──▶ address
//!   ▲                                                                                       │ take
//!   └──── forget: decrement, clear the bit ──── empty, still ours ◀─────────────────────────┘──put_back─▶ address
//! ```
//! The thread that set a bit owns the entry until it publishes the address. Then the owner of the *block* owns it,
//! which is one thread at a time by the contract of `GlobalAlloc`. So entries need no read-modify-write of their
//! own, and no step waits for another thread. The freeing thread got the block from the
//! allocating thread with a happens-before relation, so it sees the bit and the entry. An address is in the table at
//! most once: its owner removes it before it frees the block.

use super::super::sync::{AtomicU8, AtomicU64, Ordering};

/// The number of entries per bucket.
pub(crate) const WAYS: usize = 8;
/// The number of words per bucket.
pub(crate) const BUCKET_WORDS: usize = ENTRY_WORDS * WAYS;
/// The number of buckets that share a byte of the filter. Together they have fewer entries than the byte can count.
pub(crate) const GROUP: usize = 8;
/// The number of words that describe the block.
const DETAILS: usize = 3;
/// The number of words per entry: the address first, then the details.
const ENTRY_WORDS: usize = 1 + DETAILS;
/// The mask of a bucket whose entries are all taken.
const FULL: u8 = u8::MAX;
/// The address in an empty entry.
const EMPTY: u64 = 0;

/// A sampled block, packed into three words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Block {
    /// The requested size; sizes from 2^40 on are stored as 2^40 - 1.
    pub(crate) size: u64,
    /// The number of the mean when it was sampled (24 bits).
    pub(crate) mean: u32,
    /// The number of its stack.
    pub(crate) stack: u32,
    /// The time of the sample, in a unit of the caller.
    pub(crate) time: u32,
    /// The number of blocks it stands for, which is subtracted again when it is freed.
    pub(crate) objects: f64,
}

impl Block {
    /// The largest size that is stored exactly.
    pub(crate) const MAX_SIZE: u64 = (1 << 40) - 1;

    fn pack(self) -> [u64; DETAILS] {
        let size = self.size.min(Block::MAX_SIZE);
        let stack = u64::from(self.stack) | u64::from(self.time) << 32;
        [size | u64::from(self.mean) << 40, stack, self.objects.to_bits()]
    }

    fn unpack([first, second, objects]: [u64; DETAILS]) -> Block {
        Block {
            size: first & Block::MAX_SIZE,
            mean: (first >> 40) as u32,
            stack: second as u32,
            time: (second >> 32) as u32,
            objects: f64::from_bits(objects),
        }
    }
}

const _: () = assert!(GROUP * WAYS <= u8::MAX as usize);

/// The parts of the table, in separate memory: every `free` reads the filter, few read the rest.
#[derive(Clone, Copy)]
pub(crate) struct Live {
    /// The number of taken entries, a byte per [`GROUP`] buckets, or one for all in a smaller table.
    pub(crate) filter: &'static [AtomicU8],
    /// The taken entries, a byte per bucket. The number of buckets is a power of two.
    pub(crate) taken: &'static [AtomicU8],
    /// The entries, [`BUCKET_WORDS`] words per bucket.
    pub(crate) words: &'static [AtomicU64],
}

/// An empty entry that the caller owns.
pub(crate) struct Reserved {
    entry: usize,
}

/// The entry of a block that was removed from the table; the entry is still reserved
/// for it.
pub(crate) struct Taken {
    entry: usize,
    pub(crate) block: Block,
}

/// The bucket of an address among `buckets`, which is a power of two. Uses Fibonacci hashing.
#[inline(always)]
pub(crate) fn bucket_of(address: u64, buckets: usize) -> usize {
    // Every bit of the address affects the upper bits of the product.
    (address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 1 >> (63 - buckets.trailing_zeros())) as usize
}

/// The word indexes of an entry's address and of its details.
fn place(entry: usize) -> (usize, usize) {
    (entry * ENTRY_WORDS, entry * ENTRY_WORDS + 1)
}

/// Whether this block may be in a table with this number of buckets, according to the filter. Called by every `free`.
#[inline(always)]
pub(crate) fn may_be_in(filter: &[AtomicU8], buckets: usize, address: u64) -> bool {
    // Relaxed is enough: the freeing thread got the block from the allocating one (see above).
    filter[bucket_of(address, buckets) / GROUP].load(Ordering::Relaxed) != 0
}

impl Live {
    /// The total number of entries.
    pub(crate) fn capacity(&self) -> usize {
        self.taken.len() * WAYS
    }

    /// Reserves an entry for a block at this address; `None` when its bucket is full. [`Live::fill`] must follow.
    #[inline]
    pub(crate) fn reserve(&self, address: u64) -> Option<Reserved> {
        let bucket = bucket_of(address, self.taken.len());
        let taken = &self.taken[bucket];
        let mut before = taken.load(Ordering::Relaxed);
        while before != FULL {
            let way = before.trailing_ones() as usize;
            // Acquire: makes the writes of the entry's former owner visible.
            let set = before | 1 << way;
            match taken.compare_exchange_weak(before, set, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    self.filter[bucket / GROUP].fetch_add(1, Ordering::Relaxed);
                    return Some(Reserved { entry: bucket * WAYS + way });
                }
                Err(now) => before = now,
            }
        }
        None
    }

    /// Adds a block that has not been handed to its owner yet.
    #[inline]
    pub(crate) fn fill(&self, reserved: Reserved, address: u64, block: Block) {
        let (key, details) = place(reserved.entry);
        for (word, detail) in self.words[details..][..DETAILS].iter().zip(block.pack()) {
            word.store(detail, Ordering::Relaxed);
        }
        self.words[key].store(address, Ordering::Release);
    }

    /// [`Live::reserve`] and [`Live::fill`]; `false` when there is no room.
    #[cfg(test)]
    pub(crate) fn insert(&self, address: u64, block: Block) -> bool {
        let reserved = self.reserve(address);
        reserved.map(|reserved| self.fill(reserved, address, block)).is_some()
    }

    /// Removes a block that its owner is about to free; `None` when it was not sampled.
    #[inline]
    pub(crate) fn take(&self, address: u64) -> Option<Taken> {
        let bucket = bucket_of(address, self.taken.len());
        let mut taken = self.taken[bucket].load(Ordering::Relaxed);
        let entry = loop {
            if taken == 0 {
                return None;
            }
            let entry = bucket * WAYS + taken.trailing_zeros() as usize;
            if self.words[place(entry).0].load(Ordering::Relaxed) == address {
                break entry;
            }
            // Clears the lowest bit.
            taken &= taken - 1;
        };
        let (key, details) = place(entry);
        let block = self.details(details, Ordering::Relaxed);
        // From here on the address may be added again, in another entry.
        self.words[key].store(EMPTY, Ordering::Relaxed);
        Some(Taken { entry, block: Block::unpack(block) })
    }

    #[inline]
    fn details(&self, at: usize, ordering: Ordering) -> [u64; DETAILS] {
        std::array::from_fn(|detail| self.words[at + detail].load(ordering))
    }

    /// Releases the entry of a block that was freed.
    #[inline]
    pub(crate) fn forget(&self, taken: Taken) {
        let (bucket, way) = (taken.entry / WAYS, taken.entry % WAYS);
        self.filter[bucket / GROUP].fetch_sub(1, Ordering::Relaxed);
        // Release: after the entry was emptied and the count decremented.
        self.taken[bucket].fetch_and(!(1 << way), Ordering::Release);
    }

    /// Adds the block again, because its reallocation failed.
    pub(crate) fn put_back(&self, taken: Taken, address: u64) {
        self.words[place(taken.entry).0].store(address, Ordering::Release);
    }

    /// Visits every block that is in the table throughout this call, and some of those added or removed
    /// meanwhile. For the agent's thread.
    pub(crate) fn each(&self, mut visit: impl FnMut(Block)) {
        for entry in 0..self.capacity() {
            let (key, details) = place(entry);
            let key = &self.words[key];
            let address = key.load(Ordering::Acquire);
            if address == EMPTY {
                continue;
            }
            let read = || self.details(details, Ordering::Acquire);
            let (first, second) = (read(), read());
            // Another block, possibly with the same address, may have replaced it between the reads.
            if first == second && key.load(Ordering::Acquire) == address {
                visit(Block::unpack(first));
            }
        }
    }
}

#[cfg(all(test, not(rgops_loom)))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::zeroed::zeroed;
    use super::*;

    fn live(buckets: usize) -> Live {
        // SAFETY: atomic integers are valid when zeroed.
        unsafe {
            Live {
                filter: zeroed(buckets.div_ceil(GROUP), &mut 0).unwrap(),
                taken: zeroed(buckets, &mut 0).unwrap(),
                words: zeroed(buckets * BUCKET_WORDS, &mut 0).unwrap(),
            }
        }
    }

    fn block(stack: u32) -> Block {
        Block { size: 100, mean: 3, stack, time: 7, objects: 1.5 }
    }

    fn count(live: &Live) -> usize {
        let mut count = 0;
        live.each(|_| count += 1);
        count
    }

    fn assert_is_empty(live: &Live) {
        assert!(live.taken.iter().chain(live.filter).all(|byte| byte.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn the_filter_includes_every_block_and_no_other_group() {
        let live = live(64);
        let may_be_in = |address| may_be_in(live.filter, live.taken.len(), address);
        let addresses: Vec<u64> = (0..100).map(|at| 0x7f00_0000_1010 + 1040 * at).collect();
        for (already, address) in addresses.iter().enumerate() {
            assert!(live.insert(*address, block(1)));
            assert!(addresses[..=already].iter().all(|address| may_be_in(*address)));
        }
        for (already, address) in addresses.iter().enumerate() {
            live.forget(live.take(*address).unwrap());
            assert!(addresses[already + 1..].iter().all(|address| may_be_in(*address)));
        }
        assert!(!addresses.iter().any(|address| may_be_in(*address)));
        assert_is_empty(&live);
    }

    #[test]
    fn a_block_is_read_back_as_it_was_written() {
        let live = live(4);
        let (mean, stack, time, objects) = ((1 << 24) - 1, u32::MAX, u32::MAX, 1.0 / 3.0);
        let whole = Block { size: Block::MAX_SIZE, mean, stack, time, objects };
        assert!(live.insert(0x7f00_0000_1010, whole));
        assert!(live.take(0x7f00_0000_1018).is_none(), "another");
        let taken = live.take(0x7f00_0000_1010).unwrap();
        assert_eq!(taken.block, whole);
        live.put_back(taken, 0x7f00_0000_1010);
        let taken = live.take(0x7f00_0000_1010).unwrap();
        live.forget(taken);
        assert!(live.take(0x7f00_0000_1010).is_none());
        assert_is_empty(&live);
    }

    #[test]
    fn a_full_bucket_refuses_until_an_entry_is_released() {
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

    /// A former design of this table had tombstones and failed this.
    #[test]
    fn the_table_is_empty_again_after_a_million_blocks() {
        let live = live(64);
        for address in 0..if cfg!(miri) { 1_000 } else { 1_000_000u64 } {
            assert!(live.insert(0x1000 + 16 * address, block(1)));
            live.forget(live.take(0x1000 + 16 * address).unwrap());
        }
        assert_eq!(count(&live), 0);
        assert!(
            (0..live.capacity()).all(|entry| live.words[place(entry).0].load(Ordering::Relaxed) == EMPTY)
        );
        assert_is_empty(&live);
    }

    #[test]
    fn threads_find_every_block_that_was_accepted() {
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
        assert_is_empty(&live);
    }
}
