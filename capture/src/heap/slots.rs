//! What each thread keeps for itself: counters and its way to the next sample, in a slot it claims.
//!
//! Counters must outlive their thread, and be readable while it runs, but may not cost an atomic
//! read-modify-write: so every thread has a slot of its own in a fixed table, writes it alone (load, add,
//! store) and finds it by one thread-local pointer. That pointer is `const`-initialised and has no
//! destructor: it can be used at any moment of a thread's life, its TLS destructors included, and nothing
//! is registered anywhere. Instead of being told that a thread ended, whoever looks for a slot asks the
//! kernel whether the thread that has one still lives. The counters stay: the next owner adds to them.
//!
//! Blocks and their bytes are counted in one word ([`Count`]), because a program whose memory is in no
//! cache pays for each store: it waits behind those that miss. Now and then the word is added to wide counters and begun anew.

use super::super::sync::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use super::mapped_stack::MappedStack;

/// Threads that can have a slot at the same time; others share one that costs more.
pub(crate) const SLOTS: usize = 2048;
/// Slots a claim looks at before it gives up.
const PROBES: usize = 128;
/// A [`Count`] has to be added to its [`Total`] before it has this many bytes: half of what it could hold, so that
/// its blocks, of one byte or more, have room as well.
pub(crate) const MAX_RECENT_BYTES: u64 = 1 << 23;

/// A thread's counters and its way to the next sample. What every allocation and free uses is in one cache
/// line; the rest is used by samples.
#[repr(align(64))]
pub(crate) struct Slot {
    pub(crate) allocated: Count,
    /// Bytes of `allocated` from which on a block is not counted at once, but looked at: a sample is due, the
    /// word is full, or the rate changed. For the latter the agent writes 0.
    pub(crate) threshold: AtomicU64,
    pub(crate) freed: Count,
    pub(crate) reallocations: AtomicU64,
    /// Bytes to the next sample, when `allocated` was last begun.
    pub(crate) gap: AtomicU64,
    /// Process and kernel id of the owner ([`Owner`]); 0 when nobody had it yet.
    owner: AtomicU64,
    /// Number of the change of rate by which the gap was drawn.
    pub(crate) change: AtomicU32,
    /// Not 0: blocks of this thread are not sampled.
    pub(crate) excluded: AtomicU32,
    /// The owner is inside [`Slot::enter`].
    is_entered: AtomicBool,
    /// Of the owner.
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

    /// Loom's atomics cannot be made in constants.
    #[cfg(rgops_loom)]
    pub(crate) fn new() -> Slot {
        new_slot!()
    }

    /// Whether a thread has it, or had.
    pub(crate) fn is_owned(&self) -> bool {
        self.owner.load(Ordering::Acquire) != 0
    }

    /// Whether the owner is, or in the process it was made in was, the first thread: its stack is another kind.
    pub(crate) fn is_of_first_thread(&self) -> bool {
        let owner = self.owner.load(Ordering::Relaxed);
        (owner >> 32) as u32 == owner as u32
    }

    /// Calls `work` on the owner's thread, unless it is inside already: then this is a signal handler.
    #[inline]
    pub(crate) fn enter<R>(&self, work: impl FnOnce() -> R) -> Option<R> {
        if self.is_entered.load(Ordering::Relaxed) {
            return None;
        }
        self.is_entered.store(true, Ordering::Relaxed);
        // A handler runs on the same thread: the compiler's order is enough.
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
        let result = work();
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
        self.is_entered.store(false, Ordering::Relaxed);
        Some(result)
    }
}

/// Blocks and their bytes since the word was last begun, and how often it was: 24, 24 and 16 bits, the bytes
/// lowest. Written by the slot's owner alone.
pub(crate) struct Count(AtomicU64);

/// What was counted before a [`Count`] was last begun: blocks and bytes, for even and for odd numbers of times it
/// was. The one not in use is written, and comes into use with the word, so it can be read at any time.
pub(crate) struct Total([[AtomicU64; 2]; 2]);

const BLOCK_SHIFT: u32 = 24;
const TIMES_SHIFT: u32 = 48;
const FIELD: u64 = (1 << BLOCK_SHIFT) - 1;

impl Count {
    /// Counts `blocks` (0 or 1) of `bytes`, if there are fewer than `limit` with them, which must not be
    /// above [`MAX_RECENT_BYTES`]. A block of no bytes is not counted here either: nothing would limit them.
    ///
    /// `Release`, so that who sees a block counted as freed sees it counted as allocated.
    #[inline(always)]
    pub(crate) fn add(&self, blocks: u64, bytes: u64, limit: u64) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        if (word & FIELD) + bytes >= limit || bytes == 0 {
            return false;
        }
        self.0.store(word + bytes + (blocks << BLOCK_SHIFT), Ordering::Release);
        true
    }

    /// Bytes since it was begun.
    pub(crate) fn recent_bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed) & FIELD
    }

    /// Adds what was counted, and this, to the total, and begins anew. Inside [`Slot::enter`] only.
    #[inline]
    pub(crate) fn add_to(&self, total: &Total, blocks: u64, bytes: u64) {
        let word = self.0.load(Ordering::Relaxed);
        let times = word >> TIMES_SHIFT;
        let [now, next] = [times, times + 1].map(|times| &total.0[times as usize % 2]);
        let counted = [(word >> BLOCK_SHIFT & FIELD) + blocks, (word & FIELD) + bytes];
        for ((next, now), counted) in next.iter().zip(now).zip(counted) {
            // Release: who reads this for an older number sees that the number has changed.
            next.store(now.load(Ordering::Relaxed).wrapping_add(counted), Ordering::Release);
        }
        self.0.store((times + 1) << TIMES_SHIFT, Ordering::Release);
    }

    /// Blocks and bytes in all. Reads again when the owner began anew meanwhile; a wait of 65,536 beginnings
    /// between two loads would not be noticed.
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

/// A thread of a process. Slots of another process are those of our parent, before the fork: one of them
/// is still in use, by the thread that forked, and keeps the number that thread had; so all stay.
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

/// Claims a slot for a thread; `None` when none is free near the one its id chooses.
///
/// `is_alive` says whether another thread of this process lives. A slot whose owner has our own id is
/// ours: ids are not given twice at a time, so its thread is gone.
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
        // Acquire: the counters as the former owner left them. It is gone, and what it did was done
        // before the kernel said so.
        (former == 0 || (process == new.process && !is_alive(thread)))
            && slot.owner.compare_exchange(former, new.pack(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    })?;
    // What the former owner left of its way to the next sample is not ours; counters are kept. It is not
    // inside, or will never come out.
    slot.is_entered.store(false, Ordering::Relaxed);
    slot.stack.forget();
    slot.excluded.store(0, Ordering::Relaxed);
    slot.change.store(0, Ordering::Relaxed);
    slot.threshold.store(0, Ordering::SeqCst);
    Some(slot)
}

/// The counters of all slots together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) allocations: u64,
    pub(crate) allocated_bytes: u64,
    pub(crate) frees: u64,
    pub(crate) freed_bytes: u64,
    pub(crate) reallocations: u64,
}

/// What threads without a slot of their own, and signal handlers that interrupted [`Slot::enter`], count: by
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

    /// Counts blocks and bytes in `counters`, one of the above.
    pub(crate) fn add(counters: &[AtomicU64; 2], blocks: u64, bytes: u64) {
        counters[0].fetch_add(blocks, Ordering::Release);
        counters[1].fetch_add(bytes, Ordering::Release);
    }
}

/// Adds all slots up. Frees first: a block whose free is counted is counted as allocated too, since its
/// allocation was counted before it was handed out; so there are never more frees than allocations.
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

    use super::super::reading::zeroed;
    use super::*;

    fn slots(count: usize) -> &'static [Slot] {
        // SAFETY: atomic integers, for which zero is a value.
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
    fn nothing_is_lost_when_a_word_is_begun_anew() {
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
                    // Blocks of 3 bytes; the word is begun anew at every fifth.
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

    /// Which of them it is.
    fn index(slots: &'static [Slot], slot: Option<&'static Slot>) -> Option<usize> {
        slots.iter().position(|one| slot.is_some_and(|slot| std::ptr::eq(one, slot)))
    }

    #[test]
    fn slots_of_ended_threads_are_used_again_with_their_counts() {
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
    fn when_all_are_taken_by_the_living_there_is_none() {
        let slots = slots(2);
        assert!(claim(slots, thread(1), |_| true).is_some() && claim(slots, thread(2), |_| true).is_some());
        assert!(claim(slots, thread(3), |_| true).is_none());
    }

    /// The thread that forked goes on with its slot, under a number that is nobody's in the child.
    #[test]
    fn a_fork_child_takes_no_slot_of_its_parents_threads() {
        let slots = slots(2);
        claim(slots, thread(1), |_| true).unwrap();
        let child = |thread| Owner { process: 2, thread };
        assert_eq!(index(slots, claim(slots, child(1), |_| false)), Some(0));
        assert!(claim(slots, child(3), |_| true).is_none());
    }
}
