//! Threads that must not be signalled.
//!
//! For each signal the kernel writes a frame of several kilobytes before any code of ours runs: to the thread's
//! alternate stack, if it has one, otherwise directly below the stack pointer. A thread that runs coroutines and has no
//! alternate stack is detected by the first signal that interrupts it in one; nothing shows it beforehand. From
//! then on it gets no signals: the handler stops the thread's timer, and the agent's thread deletes it. Answers
//! report it. (Threads started by std have an alternate stack.)

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::procfs;
use crate::try_lock::try_lock;

/// Why an exempt thread is not captured.
pub const REASON: &str = "on a stack of unknown size, such as a coroutine's, and without an alternate stack \
     (sigaltstack, which the program's handler for this signal requests with SA_ONSTACK): a signal could \
     overwrite the memory below";

/// Exempt threads of this process by id, with their start times, because ids are reused.
static THREADS: Mutex<BTreeMap<u32, u64>> = Mutex::new(BTreeMap::new());

/// Exempts a thread. Called by the agent's thread.
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

/// The number of exempt threads that can be stored between two reads of the ring.
const SLOTS: usize = 64;

/// Threads to exempt whose record did not fit into the ring. Handlers write, the agent's thread reads.
#[derive(Debug)]
pub(super) struct Unrecorded {
    /// Their ids; 0 is a free slot.
    slots: [AtomicU32; SLOTS],
    /// The number of threads that found no free slot.
    beyond: AtomicU64,
}

impl Unrecorded {
    pub(super) fn new() -> Unrecorded {
        Unrecorded { slots: [const { AtomicU32::new(0) }; SLOTS], beyond: AtomicU64::new(0) }
    }

    /// Async-signal-safe.
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

    /// The threads added since the last call, and the number of further ones whose ids were lost.
    pub(super) fn take(&self) -> (Vec<u32>, u64) {
        let tids = self.slots.iter().map(|slot| slot.swap(0, Ordering::Relaxed)).filter(|tid| *tid != 0);
        (tids.collect(), self.beyond.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_takes_one_slot_and_those_without_a_slot_are_counted() {
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
