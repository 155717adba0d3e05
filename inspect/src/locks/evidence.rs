//! What speaks for a thread as the holder of a lock: it refers to the lock and does not wait for it, at two moments.

use std::collections::{HashMap, HashSet};

use rgops_protocol::reply::words::{SearchedStack, ThreadWords};

use super::holder::Holder;
use super::kind::{LockKind, is_parked};
use super::parties::{Lock, LockThread};

/// More candidates are not named.
const MOST_NAMED: usize = 4;
/// Where the GNU C library keeps the owner of a mutex (`struct __pthread_mutex_s`, `__owner`).
const OWNER: usize = 8;

/// Threads that refer to a lock and do not wait for it.
#[derive(Debug, Default)]
pub(super) struct Referring {
    /// Those whose stack has its address.
    pub(super) on_stack: Vec<u32>,
    /// Those that are in a function whose code has its address.
    pub(super) by_code: Vec<u32>,
    /// Those whose stack has the address of the `Arc` that it may be in.
    pub(super) by_arc: Vec<u32>,
}

impl Referring {
    /// Keeps only those of a set, if there are any: the threads that are in a function that takes such a lock elsewhere.
    /// What has no more than a reference seldom does.
    pub(super) fn prefer(&mut self, set: &HashSet<u32>) {
        let lists = [&mut self.on_stack, &mut self.by_code, &mut self.by_arc];
        if lists.iter().any(|list| list.iter().any(|tid| set.contains(tid))) {
            lists.into_iter().for_each(|list| list.retain(|tid| set.contains(tid)));
        }
    }

    /// Those whose stack or code has the lock's own address.
    fn exact(&self) -> Vec<u32> {
        let mut tids: Vec<u32> = self.on_stack.iter().chain(&self.by_code).copied().collect();
        tids.sort_unstable();
        tids.dedup();
        tids
    }
}

/// The threads at two moments.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    first: HashMap<u32, &'a SearchedStack>,
    last: HashMap<u32, &'a SearchedStack>,
    /// CPU time when the stacks were captured.
    cpu_ns: HashMap<u32, Option<u64>>,
    running: Vec<u32>,
    /// Those that wait in parking_lot for what is not known.
    parked: HashSet<u32>,
    tids: HashSet<u32>,
}

impl<'a> Evidence<'a> {
    pub(super) fn new(
        threads: &[LockThread<'_>],
        first: &'a [ThreadWords],
        last: &'a [ThreadWords],
    ) -> Evidence<'a> {
        let searched = |words: &'a [ThreadWords]| {
            words.iter().filter_map(|thread| Some((thread.tid, thread.stack.value()?))).collect()
        };
        let (first, last): (HashMap<_, _>, HashMap<_, _>) = (searched(first), searched(last));
        let is_unsearched =
            |thread: &&LockThread<'_>| !first.contains_key(&thread.tid) || !last.contains_key(&thread.tid);
        Evidence {
            cpu_ns: threads.iter().map(|thread| (thread.tid, thread.cpu_ns)).collect(),
            running: threads.iter().filter(is_unsearched).map(|thread| thread.tid).collect(),
            parked: threads.iter().filter(|thread| is_parked_somewhere(thread)).map(|one| one.tid).collect(),
            tids: threads.iter().map(|thread| thread.tid).collect(),
            first,
            last,
        }
    }

    /// The threads whose stacks have the words of a lock, at the same place at both moments.
    pub(super) fn referring(&self, lock: &Lock, [own, arc]: [u32; 2]) -> Referring {
        let mut referring = Referring::default();
        for (tid, stack) in self.last.iter().filter(|(tid, _)| !lock.waiters.contains(tid)) {
            let Some(before) = self.first.get(tid) else { continue };
            let stays = |word: u32| {
                stack.found.iter().any(|found| found.word == word && before.found.contains(found))
            };
            if stays(own) {
                referring.on_stack.push(*tid);
            } else if stays(arc) {
                referring.by_arc.push(*tid);
            }
        }
        referring.on_stack.sort_unstable();
        referring.by_arc.sort_unstable();
        referring
    }

    /// Who holds a lock; `None` if its waiters went on meanwhile. `bytes` are those of the lock.
    pub(super) fn holder(&self, lock: &Lock, referring: &Referring, bytes: Option<&[u8]>) -> Option<Holder> {
        if !lock.waiters.iter().any(|tid| self.did_not_run(*tid)) {
            return None;
        }
        let word = |at: usize| {
            bytes.and_then(|bytes| bytes.get(at..)?.first_chunk()).map(|word| u32::from_le_bytes(*word))
        };
        if lock.stores_owner {
            let owner = word(OWNER).filter(|owner| self.tids.contains(owner));
            let unknown = || Holder::Unknown("its owner is not a thread of the program".to_owned());
            return Some(owner.map_or_else(unknown, Holder::Owner));
        }
        let state = word(0);
        if state.is_some_and(|state| lock.kind.is_free(state)) {
            return None;
        }
        if state.is_some_and(|state| lock.kind.may_be_held_by_waiters(state)) {
            return Some(Holder::Unknown("a thread that waits for it may have it to read".to_owned()));
        }
        Some(self.likely(lock.kind, referring))
    }

    fn likely(&self, kind: LockKind, referring: &Referring) -> Holder {
        let exact = referring.exact();
        let candidates = match exact.is_empty() {
            false => exact,
            // What has the Arc may have no more than that, so a thread that could not be searched is as likely.
            true => referring.by_arc.iter().chain(&self.running).copied().collect(),
        };
        let may_wait = |tid: &u32| kind.is_of_parking_lot() && self.parked.contains(tid);
        match candidates.as_slice() {
            some if !some.is_empty() && some.iter().all(may_wait) => {
                Holder::Unknown("what has its address may wait for it".to_owned())
            }
            [one] if !self.running.contains(one) || referring.by_code.contains(one) => Holder::Likely(*one),
            [] => Holder::Unknown("no other thread has its address on its stack".to_owned()),
            many if many.len() <= MOST_NAMED => Holder::OneOf(candidates),
            many => Holder::Unknown(format!("{} threads may hold it", many.len())),
        }
    }

    /// Whether a thread did not run since its stack was captured.
    fn did_not_run(&self, tid: u32) -> bool {
        let (Some(first), Some(last)) = (self.first.get(&tid), self.last.get(&tid)) else { return false };
        let captured = self.cpu_ns.get(&tid).copied().flatten();
        first.cpu_ns == last.cpu_ns && captured.is_none_or(|captured| captured == last.cpu_ns)
    }
}

/// Whether a thread waits for a lock or a condition variable of parking_lot that is not known.
fn is_parked_somewhere(thread: &LockThread<'_>) -> bool {
    thread.parked_at.is_none() && is_parked(thread.frames)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rgops_protocol::reply::Known;
    use rgops_protocol::reply::words::FoundWord;

    use super::*;
    use crate::symbols::Frame;

    const LOCK: u64 = 0x5000;

    fn words(tid: u32, cpu_ns: u64, words: &[u32]) -> ThreadWords {
        let found = words.iter().map(|word| FoundWord { avma: 0x7f00 + u64::from(*word), word: *word });
        ThreadWords {
            tid,
            stack: Known::Value(SearchedStack { sp: 0x7000, bytes: 4096, cpu_ns, found: found.collect() }),
        }
    }

    fn running(tid: u32) -> ThreadWords {
        ThreadWords { tid, stack: Known::unavailable("it is running", "") }
    }

    fn lock(waiters: &[u32], stores_owner: bool) -> Lock {
        let kind = if stores_owner { LockKind::Pthread } else { LockKind::Mutex };
        Lock { kind, address: LOCK, waiters: waiters.to_vec(), stores_owner, ways: BTreeSet::new() }
    }

    fn thread(tid: u32) -> LockThread<'static> {
        LockThread {
            tid,
            is_blocked: true,
            is_running: false,
            futex: None,
            parked_at: None,
            cpu_ns: Some(7),
            addresses: &[],
            frames: &[],
        }
    }

    fn holder(threads: &[ThreadWords], last: &[ThreadWords], lock: &Lock, bytes: &[u8]) -> Option<Holder> {
        let all: Vec<_> = threads.iter().map(|words| thread(words.tid)).collect();
        let evidence = Evidence::new(&all, threads, last);
        evidence.holder(lock, &evidence.referring(lock, [0, 1]), Some(bytes))
    }

    const LOCKED: [u8; 16] = [2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn the_one_thread_that_has_the_address_is_likely() {
        let seen = [words(1, 7, &[0]), words(2, 7, &[]), words(3, 9, &[0, 1]), words(4, 7, &[1])];
        assert_eq!(holder(&seen, &seen, &lock(&[1], false), &LOCKED), Some(Holder::Likely(3)));
    }

    #[test]
    fn several_threads_with_the_address_are_named_and_none_is_accused() {
        let seen = [words(1, 7, &[0]), words(2, 7, &[0]), words(3, 7, &[0])];
        assert_eq!(holder(&seen, &seen, &lock(&[1], false), &LOCKED), Some(Holder::OneOf(vec![2, 3])));
        // A reference to the Arc is less than what a thread may have that could not be searched.
        let seen = [words(1, 7, &[0]), words(2, 7, &[1]), running(3)];
        assert_eq!(holder(&seen, &seen, &lock(&[1], false), &LOCKED), Some(Holder::OneOf(vec![2, 3])));
        let alone = [words(1, 7, &[0]), running(3)];
        assert_eq!(holder(&alone, &alone, &lock(&[1], false), &LOCKED), Some(Holder::OneOf(vec![3])));
    }

    #[test]
    fn a_thread_that_takes_such_a_lock_is_likelier_than_one_that_has_its_address() {
        let seen = [words(1, 7, &[0]), words(2, 7, &[0]), words(3, 7, &[1])];
        let all: Vec<_> = seen.iter().map(|words| thread(words.tid)).collect();
        let (evidence, lock) = (Evidence::new(&all, &seen, &seen), lock(&[1], false));
        let mut referring = evidence.referring(&lock, [0, 1]);
        referring.prefer(&[3, 9].into());
        assert_eq!(evidence.holder(&lock, &referring, Some(&LOCKED)), Some(Holder::Likely(3)));
        referring.prefer(&[9].into());
        assert_eq!(evidence.holder(&lock, &referring, Some(&LOCKED)), Some(Holder::Likely(3)), "nobody does");
    }

    #[test]
    fn nothing_is_said_of_a_lock_whose_waiters_went_on() {
        let (first, last) = ([words(1, 7, &[0]), words(3, 7, &[0])], [words(1, 8, &[0]), words(3, 7, &[0])]);
        assert_eq!(holder(&first, &last, &lock(&[1], false), &LOCKED), None);
        assert_eq!(holder(&first, &first, &lock(&[1], false), &[0; 16]), None, "nobody has it");
    }

    #[test]
    fn a_word_that_moved_is_no_evidence() {
        let first = [words(1, 7, &[0]), words(3, 7, &[0])];
        let mut last = first.clone();
        if let Known::Value(stack) = &mut last[1].stack {
            stack.found[0].avma += 8;
        }
        let unknown = Holder::Unknown("no other thread has its address on its stack".to_owned());
        assert_eq!(holder(&first, &last, &lock(&[1], false), &LOCKED), Some(unknown));
    }

    #[test]
    fn a_thread_that_may_wait_for_the_lock_of_parking_lot_is_not_its_holder() {
        let seen = [words(1, 7, &[0]), words(2, 7, &[0])];
        let frames = ["syscall", "parking_lot::raw_mutex::RawMutex::lock_slow", "shop::reserve"];
        let frames = frames.map(Frame::named);
        let lock = Lock { kind: LockKind::ParkingLotMutex, ..lock(&[1], false) };
        let holder = |parked_at| {
            let waiter = LockThread { parked_at, frames: &frames, ..thread(2) };
            let evidence = Evidence::new(&[thread(1), waiter], &seen, &seen);
            evidence.holder(&lock, &evidence.referring(&lock, [0, 1]), Some(&[3, 0, 0, 0]))
        };
        assert_eq!(holder(None), Some(Holder::Unknown("what has its address may wait for it".to_owned())));
        assert_eq!(holder(Some(LOCK + 8)), Some(Holder::Likely(2)), "it waits for another");
    }

    #[test]
    fn a_lock_with_a_writer_between_its_readers_may_be_held_by_those_who_wait() {
        let seen = [words(1, 7, &[0]), words(2, 7, &[0])];
        let lock = Lock { kind: LockKind::ParkingLotRwLock, ..lock(&[1], false) };
        let evidence = Evidence::new(&[thread(1), thread(2)], &seen, &seen);
        let holder =
            |state| evidence.holder(&lock, &evidence.referring(&lock, [0, 1]), Some(&[state, 0, 0, 0]));
        assert_eq!(holder(0x1a), Some(Holder::Likely(2)), "a writer waits for a reader");
        assert_eq!(holder(0x09), Some(Holder::Likely(2)), "someone waits for a writer");
        assert!(matches!(holder(0x1b), Some(Holder::Unknown(_))), "both");
        assert_eq!(holder(0x03), None, "nobody has it");
    }

    #[test]
    fn a_mutex_of_the_c_library_says_its_owner() {
        let seen = [words(1, 7, &[0]), words(2, 7, &[0]), words(3, 7, &[])];
        assert_eq!(holder(&seen, &seen, &lock(&[1], true), &LOCKED), Some(Holder::Owner(3)));
        let mut odd = LOCKED;
        odd[8] = 99;
        assert!(matches!(holder(&seen, &seen, &lock(&[1], true), &odd), Some(Holder::Unknown(_))));
    }
}
