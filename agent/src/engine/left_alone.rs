//! Threads that are not signalled any more.
//!
//! The kernel writes a frame of some kilobytes for each signal, before any code of ours runs: to the thread's
//! alternate stack, if it has one, else right below the stack pointer. A thread that runs coroutines and has no
//! alternate stack is found out by the first signal that meets it in one: nothing tells it beforehand. From
//! then on it gets none (the handler stops the thread's timer, the agent's thread deletes it); answers say so.
//! (A thread of std's has an alternate stack.)

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::procfs;
use crate::try_lock::try_lock;

/// Why such a thread is not captured.
pub(crate) const REASON: &str = "on a stack of unknown size, as a coroutine's, and without an alternate stack \
     (sigaltstack, which a handler of the program's for this signal asks for by SA_ONSTACK): a signal could overwrite \
     what lies below";

/// Threads of this process, by id, with when they were started: ids are given again.
static THREADS: Mutex<BTreeMap<u32, u64>> = Mutex::new(BTreeMap::new());

/// A thread is to be left alone. For the agent's thread.
pub(super) fn leave(tid: u32) {
    if let Ok(stat) = procfs::threads::stat(tid)
        && let Some(mut threads) = try_lock(&THREADS)
    {
        threads.insert(tid, stat.start_ticks);
    }
}

/// Whether a thread is left alone.
pub(super) fn is_left(tid: u32) -> bool {
    let Some(mut threads) = try_lock(&THREADS) else { return false };
    let Some(started) = threads.get(&tid).copied() else { return false };
    let is_same = procfs::threads::stat(tid).is_ok_and(|stat| stat.start_ticks == started);
    if !is_same {
        threads.remove(&tid);
    }
    is_same
}
