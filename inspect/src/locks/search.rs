//! Searches for the holders of locks: what to ask the agent for, in the memory of the program.
//!
//! Locks of std do not say who holds them. But the holder has the lock's address, to unlock it: in a live frame of its
//! stack, or, for a lock in a static, in the code of a function that is in its stack.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rgops_protocol::reply::words::{MAX_SEARCHED_BYTES, MAX_SEARCHED_THREADS, ThreadWords};
use rgops_protocol::request::{MemoryRange, WordsRequest};

use super::code::{Answers, Code, functions, ranges};
use super::evidence::Evidence;
use super::holder::{Holders, NotSearched};
use super::kind::{LockKind, is_machinery};
use super::parties::{Lock, LockThread};
use super::waits::lock_waits;
use crate::symbols::{Frame, Origin};

/// Maximum locks whose holders are searched for.
const MAX_LOCKS: usize = 64;
/// An `Arc` has two counters before its value.
const ARC_COUNTERS: u64 = 16;
/// What is read of a lock: its state, and where the GNU C library keeps the owner of a mutex.
const LOCK_BYTES: u32 = 16;
/// A place in the code reaches a static within this distance.
const REACH: u64 = 1 << 31;

/// A search for the holders of the locks that threads wait for.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    threads: Vec<LockThread<'a>>,
    locks: Vec<Lock>,
    /// The addresses of the locks, and of the `Arc`s that they may be in; distinct, in ascending order.
    words: Vec<u64>,
    not_searched: Option<NotSearched>,
}

impl<'a> Search<'a> {
    /// A search in these threads, without the agent's; `None` if none of them waits for a lock with a known address.
    pub(crate) fn new(mut threads: Vec<LockThread<'a>>) -> Option<Search<'a>> {
        let waiting = threads.iter().filter(|thread| thread.is_blocked);
        let waits = lock_waits(waiting.map(LockThread::waiter));
        let by_tid: HashMap<u32, LockThread<'_>> = threads.iter().map(|one| (one.tid, *one)).collect();
        let mut locks: BTreeMap<u64, Lock> = BTreeMap::new();
        let mut locks_left_out = 0;
        for wait in waits.into_iter().filter(|wait| wait.kind != LockKind::Condvar) {
            let Some(address) = wait.address else { continue };
            if let Some(lock) = locks.get_mut(&address) {
                lock.waiters.extend(&wait.threads);
            } else if locks.len() == MAX_LOCKS {
                locks_left_out += 1;
            } else {
                let stores_owner = wait.kind == LockKind::Pthread
                    && wait
                        .threads
                        .iter()
                        .filter_map(|tid| by_tid.get(tid))
                        .all(|thread| is_mutex_of_gnu(thread.frames));
                let ways = wait.threads.iter().filter_map(|tid| by_tid.get(tid)).flat_map(ways).collect();
                let lock = Lock { kind: wait.kind, address, waiters: wait.threads, stores_owner, ways };
                locks.insert(address, lock);
            }
        }
        if locks.is_empty() {
            return None;
        }
        let threads_left_out = threads.len().saturating_sub(MAX_SEARCHED_THREADS);
        // What waits for work holds a lock less often than what is blocked or runs.
        threads.sort_by_key(|thread| (!thread.is_blocked && !thread.is_running, thread.tid));
        threads.truncate(MAX_SEARCHED_THREADS);
        let locks: Vec<Lock> = locks.into_values().collect();
        let words: BTreeSet<u64> = locks.iter().flat_map(words).collect();
        let words = words.into_iter().collect();
        let not_searched = NotSearched::new(threads_left_out, locks_left_out);
        Some(Search { threads, locks, words, not_searched })
    }

    /// The words to search for on all stacks.
    pub(crate) fn request(&self) -> WordsRequest {
        WordsRequest {
            words: self.words.clone(),
            threads: self.threads.iter().map(|thread| thread.tid).collect(),
            max_bytes: MAX_SEARCHED_BYTES,
        }
    }

    /// What to read: the locks, then the code of functions in which the threads are that may hold them.
    pub(crate) fn ranges(&self, last: &[ThreadWords]) -> Vec<MemoryRange> {
        let locks = self.locks.iter().map(|lock| MemoryRange { avma: lock.address, length: LOCK_BYTES });
        locks.chain(self.code(last)).collect()
    }

    fn code(&self, last: &[ThreadWords]) -> Vec<MemoryRange> {
        let refers: HashSet<u32> = last
            .iter()
            .filter(|thread| thread.stack.value().is_some_and(|stack| !stack.found.is_empty()))
            .map(|thread| thread.tid)
            .collect();
        let is_near = |thread: &LockThread<'_>| {
            functions(thread)
                .any(|function| self.locks.iter().any(|lock| lock.address.abs_diff(function.end) < REACH))
        };
        ranges(self.threads.iter().filter(|thread| refers.contains(&thread.tid) || is_near(thread)))
    }

    /// The holders, from two searches and from the memory that was read after them.
    pub(crate) fn holders(
        &self,
        first: &[ThreadWords],
        last: &[ThreadWords],
        memory: &[Option<Vec<u8>>],
    ) -> Holders {
        let (of_locks, of_code) = memory.split_at(self.locks.len().min(memory.len()));
        let code = Code::new(&self.code(last), of_code);
        let evidence = Evidence::new(&self.threads, first, last);
        let mut holders = Holders { not_searched: self.not_searched, ..Holders::default() };
        for (number, lock) in self.locks.iter().enumerate() {
            let index = |word| self.words.binary_search(&word).map_or(u32::MAX, |index| index as u32);
            let mut referring = evidence.referring(lock, words(lock).map(index));
            let others = self.threads.iter().filter(|thread| !lock.waiters.contains(&thread.tid));
            let (mut refers, mut calls) = (Answers::new(), Answers::new());
            let by_code = others.clone().filter(|thread| code.refers(thread, lock.address, &mut refers));
            referring.by_code = by_code.map(|thread| thread.tid).collect();
            let takes = others
                .filter(|thread| code.calls(thread, &lock.ways, &mut calls))
                .map(|thread| thread.tid)
                .collect();
            referring.prefer(&takes);
            let bytes = of_locks.get(number).and_then(|bytes| bytes.as_deref());
            if let Some(holder) = evidence.holder(lock, &referring, bytes) {
                let holder = holder.with_not_searched(self.not_searched);
                holders.of.insert(lock.address, holder);
            }
        }
        holders
    }
}

/// The address of a lock, and of the `Arc` that it may be in. One may be another lock's, too.
fn words(lock: &Lock) -> [u64; 2] {
    [lock.address, lock.address.wrapping_sub(ARC_COUNTERS)]
}

/// Whether the frames lead to `pthread_mutex_lock` of the GNU C library. A lock for readers and writers is another type.
fn is_mutex_of_gnu(frames: &[Frame]) -> bool {
    let native = || frames.iter().take_while(|frame| Origin::of(frame) == Origin::Native);
    let named =
        |part: &str| native().any(|frame| frame.function.as_deref().is_some_and(|name| name.contains(part)));
    let is_gnu = native().any(|frame| {
        frame
            .module
            .as_deref()
            .is_some_and(|path| path.contains("/libc.so.6") || path.contains("/libpthread"))
    });
    (is_gnu || named("lll_lock_wait")) && !named("rwlock")
}

/// The starts of the functions between a waiter's leaf and the program, and of the innermost one of the program.
fn ways(thread: &LockThread<'_>) -> Vec<u64> {
    let mut ways = Vec::new();
    for function in thread.functions() {
        ways.push(function.start);
        if !is_machinery(function.frame) {
            break;
        }
    }
    ways
}
