//! The global state of heap sampling: tables, slots, the rate, and the random gaps.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use rgops_protocol::reply::pprof_heap::Estimate;

use super::live::{self, Block, Live};
#[cfg(not(rgops_loom))]
use super::slots::SLOTS as SLOT_COUNT;
use super::slots::{Shared, Slot};
use super::stacks::Stacks;
use super::walks::Walks;
#[cfg(not(rgops_loom))]
use crate::sync::AtomicU8;

/// The default mean number of bytes between two samples; the same as Go's.
pub const DEFAULT_MEAN_BYTES: u64 = 512 * 1024;

/// The number of buckets in the table of live blocks. With 8 entries each, 32,000 live samples (16 GiB at 512 KiB)
/// lose 2 in 10,000 blocks, which are counted.
pub(super) const BUCKETS: usize = 1 << 14;
/// The maximum number of different means in the life of a process.
pub(super) const MEANS: usize = 256;

#[cfg(not(rgops_loom))]
pub(super) static SLOTS: [Slot; SLOT_COUNT] = [const { Slot::new() }; SLOT_COUNT];
/// Counters of threads that found no slot.
#[cfg(not(rgops_loom))]
pub(super) static SHARED: Shared = Shared::new();
/// The filter of the table of live blocks. While untouched, it is the kernel's zero page.
#[cfg(not(rgops_loom))]
pub(super) static FILTER: [AtomicU8; BUCKETS / live::GROUP] =
    [const { AtomicU8::new(0) }; BUCKETS / live::GROUP];

/// The tables, after sampling has started. Never freed, because a block may be freed at any time.
pub(super) static TABLES: AtomicPtr<Tables> = AtomicPtr::new(std::ptr::null_mut());
/// The rate: the number of its change in the upper half, the number of its mean in the lower half. 0 is off.
pub(super) static RATE: AtomicU64 = AtomicU64::new(0);
/// The means by number; number 0 is off.
pub(super) static MEAN: [AtomicU64; MEANS] = [const { AtomicU64::new(0) }; MEANS];
/// A function that returns the wrapped allocator's name (`allocator`). Null without a wrapper.
pub(super) static NAME: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
/// The state that sampling needs besides the counters, created by `begin`.
pub(super) struct Tables {
    pub(super) live: Live,
    pub(super) stacks: &'static Stacks,
    pub(super) extras: &'static [Extra],
    /// The start of sampling: `CLOCK_MONOTONIC_COARSE` and the Unix time.
    pub(super) began_ms: u64,
    pub(super) began_unix_ns: u64,
    /// Samples whose bucket was full, and the bytes they stood for.
    pub(super) lost: AtomicU64,
    pub(super) lost_bytes: AtomicU64,
    /// The address space of all tables, in bytes.
    pub(super) own_bytes: u64,
}

/// A thread's state for taking samples; used only inside [`Slot::enter`] of its slot.
pub(super) struct Extra(pub(super) UnsafeCell<Inner>);

// SAFETY: only the slot's owner accesses it, inside `Slot::enter` (`sampling::advance`).
unsafe impl Sync for Extra {}

/// Zeroed memory is a valid value.
pub(super) struct Inner {
    pub(super) random: u64,
    pub(super) walks: Walks,
}

impl Inner {
    #[inline]
    pub(super) fn random(&mut self, seed: u64) -> u64 {
        random(&mut self.random, seed)
    }
}

/// xorshift64*, seeded when its state is 0. (Vigna 2016: An experimental exploration of Marsaglia's xorshift
/// generators, scrambled.)
#[inline]
pub(super) fn random(state: &mut u64, seed: u64) -> u64 {
    if *state == 0 {
        *state = (seed ^ crate::clock::monotonic_ns()).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    }
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_F491_4F6C_DD1D)
}

/// The number of bytes to the next sample: exponentially distributed and rounded up, at least 1. So a block of `s` bytes
/// is sampled (the gap is at most `s`) with probability 1 - exp(-s / mean).
#[inline]
pub(super) fn gap(random: u64, mean: u64) -> u64 {
    if mean <= 1 {
        return 1;
    }
    // In (0, 1]: 53 bits, and never 0.
    let uniform = ((random >> 11) + 1) as f64 / (1u64 << 53) as f64;
    (-uniform.ln() * mean as f64) as i64 as u64 + 1
}

/// The value of [`RATE`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate(u64);

impl Rate {
    #[inline]
    pub(super) fn now() -> Rate {
        Rate(RATE.load(Ordering::SeqCst))
    }

    #[inline]
    pub(super) fn change(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[inline]
    pub(super) fn number(self) -> u32 {
        self.0 as u32
    }

    #[inline]
    pub(super) fn mean(self) -> u64 {
        mean_of(self.number())
    }
}

#[inline]
pub(super) fn mean_of(number: u32) -> u64 {
    MEAN[number as usize % MEANS].load(Ordering::Acquire)
}

#[inline]
pub(super) fn tables() -> Option<&'static Tables> {
    // SAFETY: null, or a pointer that `begin` leaked.
    unsafe { TABLES.load(Ordering::Acquire).as_ref() }
}

#[cfg(not(rgops_loom))]
#[inline]
pub(super) fn slots() -> &'static [Slot] {
    &SLOTS
}

#[cfg(not(rgops_loom))]
#[inline]
pub(super) fn shared() -> &'static Shared {
    &SHARED
}

#[cfg(not(rgops_loom))]
#[inline(always)]
pub(super) fn filter() -> &'static [AtomicU8] {
    &FILTER
}

/// The models have their own tables and never use these.
#[cfg(rgops_loom)]
#[inline]
pub(super) fn slots() -> &'static [Slot] {
    &[]
}

#[cfg(rgops_loom)]
#[inline]
pub(super) fn shared() -> &'static Shared {
    unreachable!()
}

#[cfg(rgops_loom)]
pub(super) fn filter() -> &'static [crate::sync::AtomicU8] {
    &[]
}

/// The index of a slot in [`SLOTS`].
#[inline]
pub(super) fn index_of(slot: &'static Slot) -> usize {
    (std::ptr::from_ref(slot) as usize - slots().as_ptr() as usize) / size_of::<Slot>()
}

impl Tables {
    #[inline]
    pub(super) fn record(&self, block: *mut u8, size: u64, mean: u32, stack: u32) {
        let objects = Estimate::objects_of_block(size, mean_of(mean));
        let estimate = Estimate::of_objects(objects, size);
        let time = (coarse_ms().saturating_sub(self.began_ms) / TIME_UNIT_MS) as u32;
        // All of this happens before the program gets the block and can free it. The entry is written last: it is
        // not in the cache, and an atomic read-modify-write after that store would wait for it.
        if let Some(reserved) = self.live.reserve(block as u64) {
            self.stacks.allocated(stack, &estimate);
            self.live.fill(reserved, block as u64, Block { size, mean, stack, time, objects });
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.lost_bytes.fetch_add(estimate.bytes, Ordering::Relaxed);
        }
    }

    /// Samples a block with its probability, by a random draw instead of the countdown, and without a stack.
    #[cold]
    pub(super) fn record_by_chance(&self, block: *mut u8, size: u64, has_slot: bool) {
        static STATE: AtomicU64 = AtomicU64::new(0);
        let rate = Rate::now();
        let mean = rate.mean();
        if mean == 0 {
            return;
        }
        let mut state = STATE.load(Ordering::Relaxed);
        let drawn = random(&mut state, block as u64);
        STATE.store(state, Ordering::Relaxed);
        if gap(drawn, mean) <= size {
            let size = size.min(Block::MAX_SIZE);
            self.record(block, size, rate.number(), 0);
            if !has_slot {
                WITHOUT_SLOT.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The number of samples of threads without a slot, which have no stacks.
pub(super) static WITHOUT_SLOT: AtomicU64 = AtomicU64::new(0);

impl Tables {
    pub(super) fn freed(&self, taken: live::Taken) {
        let block = taken.block;
        self.stacks.freed(block.stack, &Estimate::of_objects(block.objects, block.size));
        self.live.forget(taken);
    }
}

/// The unit of [`Block::time`]: 32 bits of it are a year and four months.
pub(super) const TIME_UNIT_MS: u64 = 10;

/// `CLOCK_MONOTONIC_COARSE` in milliseconds: takes a few nanoseconds, without a system call.
#[inline]
pub(super) fn coarse_ms() -> u64 {
    // SAFETY: `timespec` is plain data, valid when zeroed.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: clock_gettime(2) writes into the one `timespec` it is given. The clock exists since Linux 2.6.32.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut time) };
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}
