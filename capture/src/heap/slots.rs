//! Per-thread slots: each has a thread's counters and its distance to the next sample.
//!
//! Counters must outlive their thread and be readable while it runs, but must not cost an atomic
//! read-modify-write. So every thread has its own slot in a fixed table. It is the slot's only writer (load, add,
//! store) and finds it by one thread-local pointer. That pointer is `const`-initialised and has no
//! destructor, so it can be used at any moment of a thread's life, including its TLS destructors, and nothing
//! is registered. No code runs when a thread ends. Instead, a thread that claims a slot asks the
//! kernel whether the slot's owner still lives. The counters stay: the next owner adds to them.
//!
//! Blocks and their bytes are counted in one word ([`Count`]), because every store is expensive in a program whose
//! memory is not in the cache: it waits behind the stores that miss. From time to time the word is added to wide
//! counters and reset.

use super::super::sync::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use super::mapped_stack::MappedStack;

/// The maximum number of threads with a slot; other threads share one that is slower.
pub(crate) const SLOTS: usize = 2048;
/// The maximum number of slots that a claim checks.
const PROBES: usize = 128;
/// A [`Count`] must be added to its [`Total`] before it has this many bytes. This is half of its capacity, so that
/// the number of blocks, of one byte or more, fits too.
pub(crate) const MAX_RECENT_BYTES: u64 = 1 << 23;

/// A thread's counters and its distance to the next sample. The fields used by every allocation and free are in one
/// cache line; samples use the others.
#[repr(align(64))]
pub(crate) struct Slot {
    pub(crate) allocated: Count,
    /// The value of `allocated` in bytes from which a block takes the slow path: a sample is due, the
    /// word is full, or the rate changed. For the last case the agent writes 0.
    pub(crate) threshold: AtomicU64,
    pub(crate) freed: Count,
    pub(crate) reallocations: AtomicU64,
    /// The bytes to the next sample when `allocated` was last reset.
    pub(crate) gap: AtomicU64,
    /// Process id and kernel thread id of the owner ([`Owner`]); 0 if it never had one.
    owner: AtomicU64,
    /// The number of the rate change for which the gap was drawn.
    pub(crate) change: AtomicU32,
    /// Not 0: blocks of this thread are not sampled.
    pub(crate) excluded: AtomicU32,
    /// The owner is inside [`Slot::enter`].
    is_entered: AtomicBool,
    /// The owner's stack.
    pub(crate) stack: MappedStack,
    pub(crate) allocated_before: Total,
    pub(crate) freed_before: Total,
}

macro_rules! new_slot {
    () => {
        Slot {
            allocated: Count(AtomicU64::new(0)),
            threshold: AtomicU64::new(0),
            freed: Count(AtomicU64::new(0)),
            reallocations: AtomicU64::new(0),
            gap: AtomicU64::new(0),
            owner: AtomicU64::new(0),
            change: AtomicU32::new(0),
            excluded: AtomicU32::new(0),
            is_entered: AtomicBool::new(false),
            stack: MappedStack {
                low: AtomicU64::new(0),
                high: AtomicU64::new(0),
                before_gap: AtomicU64::new(0),
            },
            allocated_before: Total([
                [AtomicU64::new(0), AtomicU64::new(0)],
                [AtomicU64::new(0), AtomicU64::new(0)],
            ]),
            freed_before: Total([
                [AtomicU64::new(0), AtomicU64::new(0)],
                [AtomicU64::new(0), AtomicU64::new(0)],
            ]),
        }
    };
}

impl Slot {
    #[cfg(not(rgops_loom))]
    pub(crate) const fn new() -> Slot {
        new_slot!()
    }

    /// Loom's atomics cannot be created in constants.
    #[cfg(rgops_loom)]
    pub(crate) fn new() -> Slot {
        new_slot!()
    }

    /// Whether a thread owns it, or owned it before.
    pub(crate) fn is_owned(&self) -> bool {
        self.owner.load(Ordering::Acquire) != 0
    }

    /// Whether the owner is the main thread of its process, whose stack is of another kind.
    pub(crate) fn is_of_first_thread(&self) -> bool {
        let owner = self.owner.load(Ordering::Relaxed);
        (owner >> 32) as u32 == owner as u32
    }

    /// Calls `work` on the owner's thread, unless it is already inside. Then this is a signal handler.
    #[inline]
    pub(crate) fn enter<R>(&self, work: impl FnOnce() -> R) -> Option<R> {
        if self.is_entered.load(Ordering::Relaxed) {
            return None;
        }
        self.is_entered.store(true, Ordering::Relaxed);
        // A signal handler runs on the same thread, so the compiler's order is enough.
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
        let result = work();
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
        self.is_entered.store(false, Ordering::Relaxed);
        Some(result)
    }
}

/// Blocks and bytes since the last reset, and the number of resets, in 24, 24 and 16 bits, bytes
/// lowest. Only the slot's owner writes it.
pub(crate) struct Count(AtomicU64);

/// Blocks and bytes from before the last reset of a [`Count`], in two copies: one for an even number of resets, one for
/// an odd number. The owner writes the copy that is not in use. The reset switches to it, so readers never block.
pub(crate) struct Total([[AtomicU64; 2]; 2]);

const BLOCK_SHIFT: u32 = 24;
const TIMES_SHIFT: u32 = 48;
const FIELD: u64 = (1 << BLOCK_SHIFT) - 1;

impl Count {
    /// Counts `blocks` (0 or 1) of `bytes`, if the sum of bytes stays below `limit`, which must not exceed
    /// [`MAX_RECENT_BYTES`]. A block of 0 bytes is not counted here either, because the limit would not bound their number.
    ///
    /// `Release`, so that a reader which sees a block counted as freed also sees it counted as allocated.
    #[inline(always)]
    pub(crate) fn add(&self, blocks: u64, bytes: u64, limit: u64) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        if (word & FIELD) + bytes >= limit || bytes == 0 {
            return false;
        }
        self.0.store(word + bytes + (blocks << BLOCK_SHIFT), Ordering::Release);
        true
    }

    /// The bytes since the last reset.
    pub(crate) fn recent_bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed) & FIELD
    }

    /// Adds the word, and this block, to the total, and resets the word. Only inside [`Slot::enter`].
    #[inline]
    pub(crate) fn add_to(&self, total: &Total, blocks: u64, bytes: u64) {
        let word = self.0.load(Ordering::Relaxed);
        let times = word >> TIMES_SHIFT;
        let [now, next] = [times, times + 1].map(|times| &total.0[times as usize % 2]);
        let counted = [(word >> BLOCK_SHIFT & FIELD) + blocks, (word & FIELD) + bytes];
        for ((next, now), counted) in next.iter().zip(now).zip(counted) {
            // Release: a reader that reads this for an older number of resets sees that the number has changed.
            next.store(now.load(Ordering::Relaxed).wrapping_add(counted), Ordering::Release);
        }
        self.0.store((times + 1) << TIMES_SHIFT, Ordering::Release);
    }

    /// The total of blocks and bytes. Retries when the owner reset the word in between; it would not notice exactly
    /// 65,536 resets between two loads.
    pub(crate) fn with(&self, total: &Total) -> [u64; 2] {
        loop {
            let word = self.0.load(Ordering::Acquire);
            let before = &total.0[(word >> TIMES_SHIFT) as usize % 2];
            let [blocks, bytes] = [0, 1].map(|at: usize| before[at].load(Ordering::Acquire));
            if self.0.load(Ordering::Relaxed) >> TIMES_SHIFT == word >> TIMES_SHIFT {
                return [blocks.wrapping_add(word >> BLOCK_SHIFT & FIELD), bytes.wrapping_add(word & FIELD)];
            }
        }
    }
}

/// A thread of a process. In a fork child, slots of another process belong to threads of the parent. One of them
/// is still in use, by the thread that forked, under its old id. So none of them is reused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) process: u32,
    pub(crate) thread: u32,
}

impl Owner {
    fn pack(self) -> u64 {
        u64::from(self.process) << 32 | u64::from(self.thread)
    }
}

/// Claims a slot for a thread; `None` when none is free near the index that its id selects.
///
/// `is_alive` reports whether another thread of this process lives. A slot whose owner has the new thread's id can be
/// reused: two threads never have the same id at the same time, so the former owner has ended.
pub(crate) fn claim(
    slots: &'static [Slot],
    new: Owner,
    is_alive: impl Fn(u32) -> bool,
) -> Option<&'static Slot> {
    let first = new.thread as usize;
    let probes = PROBES.min(slots.len());
    let mut probed = (0..probes).map(|at| &slots[(first + at) % slots.len()]);
    let slot = probed.find(|slot| {
        let former = slot.owner.load(Ordering::Acquire);
        if former == new.pack() {
            return true;
        }
        let (process, thread) = ((former >> 32) as u32, former as u32);
        // Acquire: makes the former owner's counters visible. It has ended, and its writes happened
        // before the kernel reported that.
        (former == 0 || (process == new.process && !is_alive(thread)))
            && slot.owner.compare_exchange(former, new.pack(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    })?;
    // The former owner's distance to the next sample is reset; the counters stay. The former owner is not
    // inside `enter`, or will never leave it.
    slot.is_entered.store(false, Ordering::Relaxed);
    slot.stack.forget();
    slot.excluded.store(0, Ordering::Relaxed);
    slot.change.store(0, Ordering::Relaxed);
    slot.threshold.store(0, Ordering::SeqCst);
    Some(slot)
}

/// The sums of all slots' counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) allocations: u64,
    pub(crate) allocated_bytes: u64,
    pub(crate) frees: u64,
    pub(crate) freed_bytes: u64,
    pub(crate) reallocations: u64,
}

/// Counters for threads without a slot, and for signal handlers that interrupt [`Slot::enter`]. They use
/// read-modify-write.
pub(crate) struct Shared {
    pub(crate) allocated: [AtomicU64; 2],
    pub(crate) freed: [AtomicU64; 2],
    pub(crate) reallocations: AtomicU64,
}

impl Shared {
    #[cfg(not(rgops_loom))]
    pub(crate) const fn new() -> Shared {
        Shared {
            allocated: [AtomicU64::new(0), AtomicU64::new(0)],
            freed: [AtomicU64::new(0), AtomicU64::new(0)],
            reallocations: AtomicU64::new(0),
        }
    }

    /// Adds blocks and bytes to `counters`, one of the fields above.
    pub(crate) fn add(counters: &[AtomicU64; 2], blocks: u64, bytes: u64) {
        counters[0].fetch_add(blocks, Ordering::Release);
        counters[1].fetch_add(bytes, Ordering::Release);
    }
}

/// Sums up all slots. Frees are read first: an allocation is counted before its block is handed out, so a
/// block whose free is visible is also visible as allocated, and there are never more frees than allocations.
pub(crate) fn sums<'s>(slots: impl Iterator<Item = &'s Slot> + Clone, shared: Option<&Shared>) -> Sums {
    let sum = |of_slot: fn(&Slot) -> [u64; 2], of_shared: fn(&Shared) -> &[AtomicU64; 2]| {
        let of_shared =
            shared.map(|shared| of_shared(shared).each_ref().map(|sum| sum.load(Ordering::Acquire)));
        let all = slots.clone().map(of_slot).chain(of_shared);
        all.fold([0u64; 2], |sums, more| [0, 1].map(|at: usize| sums[at].wrapping_add(more[at])))
    };
    let [frees, freed_bytes] = sum(|slot| slot.freed.with(&slot.freed_before), |shared| &shared.freed);
    let reallocations = slots.clone().map(|slot| &slot.reallocations);
    let reallocations = reallocations.chain(shared.map(|shared| &shared.reallocations));
    let reallocations = reallocations.map(|sum| sum.load(Ordering::Acquire)).fold(0, u64::wrapping_add);
    let [allocations, allocated_bytes] =
        sum(|slot| slot.allocated.with(&slot.allocated_before), |shared| &shared.allocated);
    Sums { allocations, allocated_bytes, frees, freed_bytes, reallocations }
}

#[cfg(all(test, not(rgops_loom)))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::zeroed::zeroed;
    use super::*;

    fn slots(count: usize) -> &'static [Slot] {
        // SAFETY: `Slot` consists of atomic integers, which are valid when zeroed.
        unsafe { zeroed(count, &mut 0) }.unwrap()
    }

    fn thread(thread: u32) -> Owner {
        Owner { process: 1, thread }
    }

    fn count(slot: Option<&'static Slot>, blocks: u64) {
        for _ in 0..blocks {
            assert!(slot.unwrap().allocated.add(1, 10, MAX_RECENT_BYTES));
        }
    }

    #[test]
    fn no_count_is_lost_when_a_word_is_reset() {
        let slot = &slots(1)[0];
        let total = || slot.allocated.with(&slot.allocated_before);
        let (mut blocks, mut bytes) = (0, 0);
        for size in [1, 100, MAX_RECENT_BYTES - 1, 5, 0, 1 << 45].into_iter().cycle().take(600_000) {
            if !slot.allocated.add(1, size, MAX_RECENT_BYTES) {
                slot.allocated.add_to(&slot.allocated_before, 1, size);
            }
            (blocks, bytes) = (blocks + 1, bytes + size);
            assert!(slot.allocated.recent_bytes() < MAX_RECENT_BYTES);
        }
        assert_eq!(total(), [blocks, bytes], "also after the number of times has wrapped around");
        assert!(!slot.allocated.add(1, 1, 0), "the agent's 0");
    }

    #[test]
    fn counters_can_be_read_while_they_are_written() {
        let slot = &slots(1)[0];
        let rounds = if cfg!(miri) { 1_000 } else { 1_000_000u64 };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..rounds {
                    // Blocks of 3 bytes; the word is reset at every fifth.
                    if round % 5 == 0 || !slot.allocated.add(1, 3, MAX_RECENT_BYTES) {
                        slot.allocated.add_to(&slot.allocated_before, 1, 3);
                    }
                }
            });
            let mut last = 0;
            while last < rounds {
                let [blocks, bytes] = slot.allocated.with(&slot.allocated_before);
                assert_eq!(bytes, 3 * blocks);
                assert!(blocks >= last, "{blocks} after {last}");
                last = blocks;
            }
        });
    }

    /// The index of a slot.
    fn index(slots: &'static [Slot], slot: Option<&'static Slot>) -> Option<usize> {
        slots.iter().position(|one| slot.is_some_and(|slot| std::ptr::eq(one, slot)))
    }

    #[test]
    fn slots_of_ended_threads_are_reused_with_their_counts() {
        let slots = slots(4);
        let slot = claim(slots, thread(5), |_| true);
        count(slot, 3);
        assert_eq!(index(slots, slot), Some(1));
        assert_eq!(index(slots, claim(slots, thread(9), |_| true)), Some(2), "the next, while 5 lives");
        let slot = claim(slots, thread(13), |tid| tid != 5);
        count(slot, 1);
        assert_eq!(index(slots, slot), Some(1));
        assert_eq!(index(slots, claim(slots, thread(13), |_| true)), Some(1), "its own again");
        assert_eq!(sums(slots.iter(), None).allocations, 4);
    }

    #[test]
    fn there_is_no_slot_when_all_owners_live() {
        let slots = slots(2);
        assert!(claim(slots, thread(1), |_| true).is_some() && claim(slots, thread(2), |_| true).is_some());
        assert!(claim(slots, thread(3), |_| true).is_none());
    }

    /// The forking thread keeps using its slot, under an id that no thread of the child has.
    #[test]
    fn a_fork_child_does_not_reuse_slots_of_the_parents_threads() {
        let slots = slots(2);
        claim(slots, thread(1), |_| true).unwrap();
        let child = |thread| Owner { process: 2, thread };
        assert_eq!(index(slots, claim(slots, child(1), |_| false)), Some(0));
        assert!(claim(slots, child(3), |_| true).is_none());
    }
}
