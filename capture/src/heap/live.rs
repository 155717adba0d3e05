//! The sampled blocks that live: a table of fixed size, changed by any thread without a lock.
//!
//! # Layout
//! A block's address chooses a **bucket** of [`WAYS`] entries; it is in one of these or nowhere. An entry is
//! half a cache line. Besides the entries, each bucket has a byte that says which of them are **taken**, a bit
//! an entry, and [`GROUP`] buckets together a byte that says **how many** are. The latter are the filter that
//! every `free` looks at: 32 cache lines, which stay in the first-level cache whatever the program does.
//!
//! # Why nothing degrades
//! There is no probing past a bucket, so there are no tombstones: a freed entry is empty again, and a look
//! costs at most [`WAYS`] words whatever happened before. The filter is exact: a bit is set, by
//! compare-and-swap, and counted before its entry is written; the count is taken back after the entry was
//! emptied and before the bit is cleared. So a count is never more than the bits there are, it cannot
//! overflow or saturate, and 0 means that no block of these buckets is in the table. A bucket without a free
//! bit refuses; the caller counts that as lost.
//!
//! # Life of an entry
//! ```text
//! free ──reserve: set the bit, count──▶ ours ──fill: details, then the address are written──▶ address
//!   ▲                                                                                        │ take
//!   └──────── forget: count back, clear the bit ── empty, still ours ◀────────────────────────┘──put_back─▶ address
//! ```
//! Who set a bit owns its entry until it publishes the address; then whoever owns the *block* does, who is
//! one thread at a time by the contract of `GlobalAlloc`. So entries need no read-modify-write of their
//! own, and no step waits for another thread. The thread that frees got the block from the one that
//! allocated it by some happens-before, so it sees the bit and the entry. An address is in the table at
//! most once: its owner takes it out before it gives the block back.

use super::super::sync::{AtomicU8, AtomicU64, Ordering};

/// Entries of a bucket.
pub(crate) const WAYS: usize = 8;
/// Words of a bucket.
pub(crate) const BUCKET_WORDS: usize = ENTRY_WORDS * WAYS;
/// Buckets that share a byte of the filter: together they have fewer entries than it can count.
pub(crate) const GROUP: usize = 8;
/// Words of an entry that say what the block is.
const DETAILS: usize = 3;
/// Words of an entry: the address first.
const ENTRY_WORDS: usize = 1 + DETAILS;
/// All entries of a bucket are taken.
const FULL: u8 = u8::MAX;
/// No block is there.
const EMPTY: u64 = 0;

/// What is known of a sampled block, packed into three words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Block {
    /// As it was asked for; sizes from 2^40 on are kept as 2^40 - 1.
    pub(crate) size: u64,
    /// Number of the mean in force when it was sampled (24 bits).
    pub(crate) mean: u32,
    /// Number of its stack.
    pub(crate) stack: u32,
    /// When, in units of the caller.
    pub(crate) time: u32,
    /// Blocks it stands for: what was added up for it, to be taken back when it is freed.
    pub(crate) objects: f64,
}

impl Block {
    /// The largest size that is kept exactly.
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

/// The parts of the table, each of its own memory: the filter is looked at by every `free`, the rest by few.
#[derive(Clone, Copy)]
pub(crate) struct Live {
    /// How many entries are taken, a byte for [`GROUP`] buckets, or for all where there are fewer.
    pub(crate) filter: &'static [AtomicU8],
    /// Which entries are taken, a byte a bucket; their number is a power of two.
    pub(crate) taken: &'static [AtomicU8],
    /// [`BUCKET_WORDS`] a bucket.
    pub(crate) words: &'static [AtomicU64],
}

/// An entry that is ours, and empty.
pub(crate) struct Reserved {
    entry: usize,
}

/// A block's entry between the moment it was found and its end: the block is in the table no more, and
/// its room is still kept for it.
pub(crate) struct Taken {
    entry: usize,
    pub(crate) block: Block,
}

/// The bucket of an address among `buckets`, a power of two: Fibonacci hashing.
#[inline(always)]
pub(crate) fn bucket_of(address: u64, buckets: usize) -> usize {
    // Every bit of the address decides the upper bits of the product.
    (address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 1 >> (63 - buckets.trailing_zeros())) as usize
}

/// Where an entry is: its address, and its block.
fn place(entry: usize) -> (usize, usize) {
    (entry * ENTRY_WORDS, entry * ENTRY_WORDS + 1)
}

/// Whether the filter says that this block may be in a table of so many buckets: what every `free` asks.
#[inline(always)]
pub(crate) fn may_be_in(filter: &[AtomicU8], buckets: usize, address: u64) -> bool {
    // Relaxed: who frees a block got it from who allocated it (above).
    filter[bucket_of(address, buckets) / GROUP].load(Ordering::Relaxed) != 0
}

impl Live {
    /// Entries in all.
    pub(crate) fn capacity(&self) -> usize {
        self.taken.len() * WAYS
    }

    /// Takes room for a block at this address; `None` when its bucket has none. [`Live::fill`] must follow.
    #[inline]
    pub(crate) fn reserve(&self, address: u64) -> Option<Reserved> {
        let bucket = bucket_of(address, self.taken.len());
        let taken = &self.taken[bucket];
        let mut before = taken.load(Ordering::Relaxed);
        while before != FULL {
            let way = before.trailing_ones() as usize;
            // Acquire: the entry as its former owner left it.
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

    /// Adds a block that its owner did not get yet.
    #[inline]
    pub(crate) fn fill(&self, reserved: Reserved, address: u64, block: Block) {
        let (key, details) = place(reserved.entry);
        for (word, detail) in self.words[details..][..DETAILS].iter().zip(block.pack()) {
            word.store(detail, Ordering::Relaxed);
        }
        self.words[key].store(address, Ordering::Release);
    }

    /// Both in one; `false` when there is no room.
    #[cfg(test)]
    pub(crate) fn insert(&self, address: u64, block: Block) -> bool {
        let reserved = self.reserve(address);
        reserved.map(|reserved| self.fill(reserved, address, block)).is_some()
    }

    /// Takes a block out that its owner is about to give back; `None` when it was not sampled.
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
            // Without its lowest bit.
            taken &= taken - 1;
        };
        let (key, details) = place(entry);
        let block = self.details(details, Ordering::Relaxed);
        // From here on the address may come again, in another entry.
        self.words[key].store(EMPTY, Ordering::Relaxed);
        Some(Taken { entry, block: Block::unpack(block) })
    }

    #[inline]
    fn details(&self, at: usize, ordering: Ordering) -> [u64; DETAILS] {
        std::array::from_fn(|detail| self.words[at + detail].load(ordering))
    }

    /// The block was given back: its entry is free again.
    #[inline]
    pub(crate) fn forget(&self, taken: Taken) {
        let (bucket, way) = (taken.entry / WAYS, taken.entry % WAYS);
        self.filter[bucket / GROUP].fetch_sub(1, Ordering::Relaxed);
        // Release: after the entry was emptied, and the count taken back.
        self.taken[bucket].fetch_and(!(1 << way), Ordering::Release);
    }

    /// The block was not given back after all (its reallocation failed): it lives on.
    pub(crate) fn put_back(&self, taken: Taken, address: u64) {
        self.words[place(taken.entry).0].store(address, Ordering::Release);
    }

    /// Every block that is in the table throughout this call, and of those that come or go meanwhile
    /// some. By the agent's thread.
    pub(crate) fn each(&self, mut look: impl FnMut(Block)) {
        for entry in 0..self.capacity() {
            let (key, details) = place(entry);
            let key = &self.words[key];
            let address = key.load(Ordering::Acquire);
            if address == EMPTY {
                continue;
            }
            let read = || self.details(details, Ordering::Acquire);
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

    use super::super::reading::zeroed;
    use super::*;

    fn live(buckets: usize) -> Live {
        // SAFETY: atomic integers, for which zero is a value.
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
    fn the_filter_knows_every_block_and_no_other_group() {
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
    fn a_block_comes_back_as_it_was() {
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
        assert!(
            (0..live.capacity()).all(|entry| live.words[place(entry).0].load(Ordering::Relaxed) == EMPTY)
        );
        assert_is_empty(&live);
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
        assert_is_empty(&live);
    }
}
