//! Threads exempt from signals.
//!
//! The kernel writes a frame of some kilobytes for each signal, before any code of ours runs: to the thread's
//! alternate stack, if it has one, else right below the stack pointer. A thread that runs coroutines and has no
//! alternate stack is found out by the first signal that meets it in one: nothing tells it beforehand. From
//! then on it gets none (the handler stops the thread's timer, the agent's thread deletes it); answers say so.
//! (A thread of std's has an alternate stack.)

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::procfs;
use crate::try_lock::try_lock;

/// Why such a thread is not captured.
pub const REASON: &str = "on a stack of unknown size, such as a coroutine's, and without an alternate stack \
     (sigaltstack, which the program's handler for this signal requests with SA_ONSTACK): a signal could \
     overwrite the memory below";

/// Threads of this process, by id, with when they were started: ids are given again.
static THREADS: Mutex<BTreeMap<u32, u64>> = Mutex::new(BTreeMap::new());

/// Exempts a thread. For the agent's thread.
pub(super) fn add(tid: u32) {
    if let Ok(stat) = procfs::threads::stat(tid)
        && let Some(mut threads) = try_lock(&THREADS)
    {
        threads.insert(tid, stat.start_ticks);
    }
}

/// Whether a thread is exempt.
pub(super) fn contains(tid: u32) -> bool {
    let Some(mut threads) = try_lock(&THREADS) else { return false };
    let Some(started) = threads.get(&tid).copied() else { return false };
    let is_same = procfs::threads::stat(tid).is_ok_and(|stat| stat.start_ticks == started);
    if !is_same {
        threads.remove(&tid);
    }
    is_same
}

/// Exempt threads remembered between two reads of the ring.
const SLOTS: usize = 64;

/// Threads to be exempted whose record found no room in the ring. Handlers write, the agent's thread reads.
#[derive(Debug)]
pub(super) struct Unrecorded {
    /// Their ids; 0 is a free slot.
    slots: [AtomicU32; SLOTS],
    /// How often no slot was free.
    beyond: AtomicU64,
}

impl Unrecorded {
    pub(super) fn new() -> Unrecorded {
        Unrecorded { slots: [const { AtomicU32::new(0) }; SLOTS], beyond: AtomicU64::new(0) }
    }

    /// For signal handlers.
    pub(super) fn add(&self, tid: u32) {
        for slot in &self.slots {
            match slot.compare_exchange(0, tid, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(there) if there == tid => return,
                Err(_) => {}
            }
        }
        self.beyond.fetch_add(1, Ordering::Relaxed);
    }

    /// Those that came since this was last asked, and how many more there were, whose ids are lost.
    pub(super) fn take(&self) -> (Vec<u32>, u64) {
        let tids = self.slots.iter().map(|slot| slot.swap(0, Ordering::Relaxed)).filter(|tid| *tid != 0);
        (tids.collect(), self.beyond.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_takes_one_slot_and_what_finds_none_is_counted() {
        let unrecorded = Unrecorded::new();
        let all: Vec<u32> = (1..=SLOTS as u32).collect();
        for tid in all.iter().chain(&all) {
            unrecorded.add(*tid);
        }
        unrecorded.add(1000);
        unrecorded.add(1001);
        assert_eq!(unrecorded.take(), (all, 2));
        assert_eq!(unrecorded.take(), (Vec::new(), 0));
        unrecorded.add(7);
        assert_eq!(unrecorded.take(), (vec![7], 0));
    }
}
