//! What each thread keeps for itself: counters and its way to the next sample, in a slot it claims.
//!
//! Counters must outlive their thread, and be readable while it runs, but may not cost an atomic
//! read-modify-write: so every thread has a slot of its own in a fixed table, writes it alone (load, add,
//! store) and finds it by one thread-local pointer. That pointer is `const`-initialised and has no
//! destructor: it can be used at any moment of a thread's life, its TLS destructors included, and nothing
//! is registered anywhere. Instead of being told that a thread ended, whoever looks for a slot asks the
//! kernel whether the thread that has one still lives. The counters stay: the next owner adds to them.

use super::super::sync::{AtomicU32, AtomicU64, Ordering};

/// Threads that can have a slot at the same time; others share one that costs more.
pub(in crate::engine) const SLOTS: usize = 2048;
/// Slots a claim looks at before it gives up.
const PROBES: usize = 128;

/// A thread's counters and its way to the next sample: one cache line.
#[repr(align(64))]
pub(in crate::engine) struct Slot {
    pub(in crate::engine) allocations: AtomicU64,
    pub(in crate::engine) allocated_bytes: AtomicU64,
    pub(in crate::engine) frees: AtomicU64,
    pub(in crate::engine) freed_bytes: AtomicU64,
    pub(in crate::engine) reallocations: AtomicU64,
    /// `allocated_bytes` from which on a block is sampled. Also written by the agent: 0, which makes the
    /// owner look at the rate again.
    pub(in crate::engine) threshold: AtomicU64,
    /// Process and kernel id of the owner ([`Owner`]); 0 when nobody had it yet.
    owner: AtomicU64,
    /// Number of the change of rate by which the threshold was drawn.
    pub(in crate::engine) change: AtomicU32,
    /// Not 0: blocks of this thread are not sampled.
    pub(in crate::engine) excluded: AtomicU32,
}

impl Slot {
    #[cfg(not(rgops_loom))]
    pub(in crate::engine) const fn new() -> Slot {
        Slot {
            allocations: AtomicU64::new(0),
            allocated_bytes: AtomicU64::new(0),
            frees: AtomicU64::new(0),
            freed_bytes: AtomicU64::new(0),
            reallocations: AtomicU64::new(0),
            threshold: AtomicU64::new(0),
            owner: AtomicU64::new(0),
            change: AtomicU32::new(0),
            excluded: AtomicU32::new(0),
        }
    }

    #[cfg(rgops_loom)]
    pub(in crate::engine) fn new() -> Slot {
        Slot {
            allocations: AtomicU64::new(0),
            allocated_bytes: AtomicU64::new(0),
            frees: AtomicU64::new(0),
            freed_bytes: AtomicU64::new(0),
            reallocations: AtomicU64::new(0),
            threshold: AtomicU64::new(0),
            owner: AtomicU64::new(0),
            change: AtomicU32::new(0),
            excluded: AtomicU32::new(0),
        }
    }
}

impl Slot {
    /// Whether a thread has it, or had.
    pub(in crate::engine) fn is_owned(&self) -> bool {
        self.owner.load(Ordering::Acquire) != 0
    }
}

/// Adds to a counter of the calling thread's own slot; the sum.
///
/// Not `fetch_add`: nobody else writes it. `Release`, so that who sees a block counted as freed sees it
/// counted as allocated.
#[inline(always)]
pub(in crate::engine) fn add(counter: &AtomicU64, amount: u64) -> u64 {
    let sum = counter.load(Ordering::Relaxed).wrapping_add(amount);
    counter.store(sum, Ordering::Release);
    sum
}

/// A thread of a process. Slots of another process are those of our parent, before the fork: one of them
/// is still in use, by the thread that forked, and keeps the number that thread had; so all stay.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Owner {
    pub(in crate::engine) process: u32,
    pub(in crate::engine) thread: u32,
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
pub(in crate::engine) fn claim(
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
    // What the former owner left of its way to the next sample is not ours; counters are kept.
    slot.excluded.store(0, Ordering::Relaxed);
    slot.change.store(0, Ordering::Relaxed);
    slot.threshold.store(0, Ordering::SeqCst);
    Some(slot)
}

/// The counters of all slots together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::engine) struct Sums {
    pub(in crate::engine) allocations: u64,
    pub(in crate::engine) allocated_bytes: u64,
    pub(in crate::engine) frees: u64,
    pub(in crate::engine) freed_bytes: u64,
    pub(in crate::engine) reallocations: u64,
}

/// Adds all slots up. Frees first: a block whose free is counted is counted as allocated too, since its
/// allocation was counted before it was handed out; so there are never more frees than allocations.
pub(in crate::engine) fn sums<'s>(slots: impl Iterator<Item = &'s Slot> + Clone) -> Sums {
    let sum = |pick: fn(&Slot) -> &AtomicU64| {
        slots.clone().map(|slot| pick(slot).load(Ordering::Acquire)).fold(0, u64::wrapping_add)
    };
    let (freed_bytes, frees) = (sum(|slot| &slot.freed_bytes), sum(|slot| &slot.frees));
    Sums {
        freed_bytes,
        frees,
        reallocations: sum(|slot| &slot.reallocations),
        allocations: sum(|slot| &slot.allocations),
        allocated_bytes: sum(|slot| &slot.allocated_bytes),
    }
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

    /// Which of them it is.
    fn index(slots: &'static [Slot], slot: Option<&'static Slot>) -> Option<usize> {
        slots.iter().position(|one| slot.is_some_and(|slot| std::ptr::eq(one, slot)))
    }

    #[test]
    fn slots_of_ended_threads_are_used_again_with_their_counts() {
        let slots = slots(4);
        let slot = claim(slots, thread(5), |_| true);
        add(&slot.unwrap().allocations, 3);
        assert_eq!(index(slots, slot), Some(1));
        assert_eq!(index(slots, claim(slots, thread(9), |_| true)), Some(2), "the next, while 5 lives");
        let slot = claim(slots, thread(13), |tid| tid != 5);
        add(&slot.unwrap().allocations, 1);
        assert_eq!(index(slots, slot), Some(1));
        assert_eq!(index(slots, claim(slots, thread(13), |_| true)), Some(1), "its own again");
        assert_eq!(sums(slots.iter()).allocations, 4);
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
