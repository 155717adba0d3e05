//! At which lock of parking_lot a thread waits. It waits at a word of its own; the address of the lock is in the data of the
//! thread around that word (`parking_lot_core/src/parking_lot.rs`, `ThreadData`):
//!
//! | offset from the futex | field |
//! | --- | --- |
//! | -32 | `key`: the address of the lock, or of the queue of its only waiting writer |
//! | -24 | `next_in_queue` |
//! | -16 | `unpark_token` of the last wait |
//! | -8 | `park_token` of this one |
//! | 0 | the futex, 1 while the thread waits |
//!
//! The compiler chooses this order, so another one is possible. Each field has to have a value that it can have in such a
//! wait, the lock's state has to say that threads wait, and the thread must not have run since its stack was captured.
//! Otherwise the lock is not known.

use std::collections::HashMap;
use std::ops::Range;

use rgops_protocol::reply::words::{MAX_SEARCHED_THREADS, ThreadWords};
use rgops_protocol::request::{MemoryRange, WordsRequest};

use super::kind::LockKind;
use super::parties::LockThread;

/// From `key` to the futex, and what is read of the data of a thread.
const FUTEX: usize = 32;
const DATA_BYTES: u32 = 36;
/// The state of a lock is in its first bytes; not all of them are of a mutex.
const STATE_BYTES: u32 = 8;
/// Addresses of a program.
const ADDRESSES: Range<u64> = 0x1_0000..1 << 48;

/// A search for the locks of parking_lot at which threads wait.
#[derive(Debug)]
pub(crate) struct ParkedSearch {
    threads: Vec<Parked>,
}

/// A thread that waits for such a lock.
#[derive(Debug)]
struct Parked {
    tid: u32,
    kind: LockKind,
    futex: u64,
    /// CPU time when its stack was captured.
    cpu_ns: u64,
}

impl ParkedSearch {
    /// A search for the locks of these threads; `None` if no thread waits for such a lock.
    pub(crate) fn new(threads: &[LockThread<'_>]) -> Option<ParkedSearch> {
        let waits = |thread: &LockThread<'_>| {
            let kind = LockKind::of(thread.frames).filter(|kind| kind.is_of_parking_lot())?;
            let futex = thread.futex.filter(|futex| ADDRESSES.contains(futex))?;
            Some(Parked { tid: thread.tid, kind, futex, cpu_ns: thread.cpu_ns? })
        };
        let threads = threads.iter().filter(|thread| thread.is_blocked).filter_map(waits);
        let threads: Vec<Parked> = threads.take(MAX_SEARCHED_THREADS).collect();
        (!threads.is_empty()).then_some(ParkedSearch { threads })
    }

    /// What to read first: the data of each thread.
    pub(crate) fn data(&self) -> Vec<MemoryRange> {
        let of = |thread: &Parked| MemoryRange { avma: thread.futex - FUTEX as u64, length: DATA_BYTES };
        self.threads.iter().map(of).collect()
    }

    /// What to read next: the states of their locks.
    pub(crate) fn states(&self, data: &[Option<Vec<u8>>]) -> Vec<MemoryRange> {
        let keys = self.threads.iter().zip(data).filter_map(|(thread, data)| thread.key(data.as_deref()?));
        keys.map(|key| MemoryRange { avma: key.lock, length: STATE_BYTES }).collect()
    }

    /// What to ask last: whether the threads ran. No word is searched for.
    pub(crate) fn request(&self) -> WordsRequest {
        let threads = self.threads.iter().map(|thread| thread.tid).collect();
        WordsRequest { words: Vec::new(), threads, max_bytes: 8 }
    }

    /// The lock of each thread, as far as it is known. `states` has the bytes of [`ParkedSearch::states`].
    pub(crate) fn locks(
        &self,
        data: &[Option<Vec<u8>>],
        states: &[Option<Vec<u8>>],
        last: &[ThreadWords],
    ) -> HashMap<u32, u64> {
        let ran = |thread: &Parked| {
            let stack =
                last.iter().find(|words| words.tid == thread.tid).and_then(|words| words.stack.value());
            stack.is_none_or(|stack| stack.cpu_ns != thread.cpu_ns)
        };
        let known = self.threads.iter().zip(data);
        let known = known.filter_map(|(thread, data)| Some((thread, thread.key(data.as_deref()?)?)));
        known
            .zip(states)
            .filter(|((_, key), state)| {
                state.as_deref().and_then(word).is_some_and(|state| key.has_queue(state))
            })
            .filter(|((thread, _), _)| !ran(thread))
            .map(|((thread, key), _)| (thread.tid, key.lock))
            .collect()
    }
}

/// The queue of a lock in which a thread waits.
#[derive(Debug, Clone, Copy)]
struct Key {
    kind: LockKind,
    lock: u64,
    /// Whether it is the queue of a writer that waits for the last readers.
    is_of_last_readers: bool,
}

impl Parked {
    /// Where it waits; `None` if these bytes are not the data of a thread that waits so.
    fn key(&self, data: &[u8]) -> Option<Key> {
        let at = |offset: usize| word(data.get(offset..)?);
        let [key, next, unpark, park] = [at(0)?, at(8)?, at(16)?, at(24)?];
        let is_odd = self.kind == LockKind::ParkingLotRwLock && key & 1 == 1;
        let lock = key - u64::from(is_odd);
        let parks_so = match self.kind {
            LockKind::ParkingLotMutex => park == 0,
            // Only a writer waits so.
            LockKind::ParkingLotRwLock if is_odd => park == WRITER && lock.is_multiple_of(8),
            LockKind::ParkingLotRwLock => {
                [READER, WRITER, READER | UPGRADABLE].contains(&park) && lock.is_multiple_of(8)
            }
            _ => false,
        };
        let is_link = next == 0 || (ADDRESSES.contains(&next) && next.is_multiple_of(8));
        // The lock is passed on to a thread with 1, and with 0 it has to take it.
        let was_unparked = unpark <= 1;
        let waits = data.get(FUTEX..)? == [1, 0, 0, 0];
        (ADDRESSES.contains(&lock) && parks_so && is_link && was_unparked && waits).then_some(Key {
            kind: self.kind,
            lock,
            is_of_last_readers: is_odd,
        })
    }
}

impl Key {
    /// Whether a lock with this state has threads in this queue.
    fn has_queue(self, state: u64) -> bool {
        match self.kind {
            LockKind::ParkingLotMutex => matches!(state as u8, 2 | 3),
            _ if self.is_of_last_readers => state & WRITER != 0 && state & WRITER_PARKED != 0,
            _ => state & PARKED != 0,
        }
    }
}

fn word(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|word| u64::from_le_bytes(*word))
}

/// `parking_lot/src/raw_rwlock.rs`: parts of the state, and what a thread waits to add to it.
const PARKED: u64 = 1;
const WRITER_PARKED: u64 = 2;
const UPGRADABLE: u64 = 4;
const WRITER: u64 = 8;
const READER: u64 = 16;

impl LockKind {
    pub(super) fn is_of_parking_lot(self) -> bool {
        matches!(self, LockKind::ParkingLotMutex | LockKind::ParkingLotRwLock)
    }

    /// Whether a lock with this first word is free, as far as that word tells.
    pub(super) fn is_free(self, word: u32) -> bool {
        match self {
            LockKind::Mutex | LockKind::RwLockRead | LockKind::RwLockWrite => word == 0,
            LockKind::ParkingLotMutex => word & 1 == 0,
            LockKind::ParkingLotRwLock => u64::from(word) & !(PARKED | WRITER_PARKED) == 0,
            // It may be anything.
            _ => false,
        }
    }

    /// Whether threads that wait for a lock with this first word may hold it themselves: they have it to read, want it
    /// again, and wait behind a writer that waits for them.
    pub(super) fn may_be_held_by_waiters(self, word: u32) -> bool {
        let both = PARKED | WRITER_PARKED;
        self == LockKind::ParkingLotRwLock && u64::from(word) & both == both && u64::from(word) >= READER
    }
}

#[cfg(test)]
mod tests {
    use rgops_protocol::reply::Known;
    use rgops_protocol::reply::words::SearchedStack;

    use super::*;
    use crate::symbols::Frame;

    const LOCK: u64 = 0x55_0000;
    const MUTEX: &str = "parking_lot::raw_mutex::RawMutex::lock_slow";
    const RWLOCK: &str = "parking_lot::raw_rwlock::RawRwLock::lock_common";

    /// The lock of a thread whose data is this, if the lock has this state and the thread had used so much CPU time.
    fn lock(function: &str, data: [u64; 5], state: u64, cpu_ns: u64) -> Option<u64> {
        let frames = [Frame::named("syscall"), Frame::named(function), Frame::named("shop::reserve")];
        let thread = LockThread {
            tid: 7,
            is_blocked: true,
            is_running: false,
            futex: Some(0x7f00_1020),
            parked_at: None,
            cpu_ns: Some(5),
            addresses: &[],
            frames: &frames,
        };
        let search = ParkedSearch::new(&[thread])?;
        assert_eq!(search.data(), [MemoryRange { avma: 0x7f00_1000, length: 36 }]);
        let bytes: Vec<u8> = data.iter().flat_map(|word| word.to_le_bytes()).take(36).collect();
        let data = [Some(bytes)];
        let states: Vec<_> =
            search.states(&data).iter().map(|_| Some(state.to_le_bytes().to_vec())).collect();
        let stack = SearchedStack { sp: 0x7f00_0000, bytes: 0, cpu_ns, found: Vec::new() };
        let last = [ThreadWords { tid: 7, stack: Known::Value(stack) }];
        search.locks(&data, &states, &last).get(&7).copied()
    }

    #[test]
    fn the_key_of_a_thread_is_its_lock() {
        // The rest of the mutex's word is what it protects.
        assert_eq!(lock(MUTEX, [LOCK + 3, 0x7f00_2000, 1, 0, 1], 0xff03, 5), Some(LOCK + 3));
        assert_eq!(lock(RWLOCK, [LOCK, 0, 0, 8, 1], 0x9, 5), Some(LOCK), "a writer");
        assert_eq!(lock(RWLOCK, [LOCK, 0, 0, 16, 1], 0x9, 5), Some(LOCK), "a reader");
        assert_eq!(lock(RWLOCK, [LOCK, 0, 0, 20, 1], 0x15, 5), Some(LOCK), "an upgradable reader");
        assert_eq!(
            lock(RWLOCK, [LOCK + 1, 0, 0, 8, 1], 0x1a, 5),
            Some(LOCK),
            "a writer that waits for readers"
        );
    }

    #[test]
    fn what_is_not_the_data_of_such_a_wait_is_no_lock() {
        let data = [LOCK, 0, 0, 0, 1];
        assert_eq!(lock(MUTEX, data, 3, 5), Some(LOCK));
        assert_eq!(lock(MUTEX, data, 3, 6), None, "it ran meanwhile");
        assert_eq!(lock(MUTEX, data, 1, 5), None, "no queue");
        assert_eq!(lock(MUTEX, data, 7, 5), None, "no state of a mutex");
        assert_eq!(lock(RWLOCK, [LOCK, 0, 0, 8, 1], 0x8, 5), None, "no queue");
        assert_eq!(lock(RWLOCK, [LOCK + 1, 0, 0, 8, 1], 0x11, 5), None, "not in that queue");
        for (at, odd) in [(0, 3), (1, 5), (2, 2), (3, 16), (4, 0)] {
            let mut data = data;
            data[at] = odd;
            assert_eq!(lock(MUTEX, data, 3, 5), None, "field {at}");
        }
        assert_eq!(lock(RWLOCK, [LOCK + 4, 0, 0, 8, 1], 0x9, 5), None, "not aligned");
        assert_eq!(lock(RWLOCK, [LOCK + 1, 0, 0, 16, 1], 0x1a, 5), None, "no writer");
        assert_eq!(lock("std::sys::sync::mutex::futex::Mutex::lock_contended", data, 3, 5), None);
    }
}
