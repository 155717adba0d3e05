//! Rings of threads: each waits for a lock that the next one holds.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::holder::Holder;
use super::waits::LockWait;

/// Threads that wait for each other.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadRing {
    /// Each thread waits for a lock of the next one, the last for one of the first.
    pub threads: Vec<u32>,
    /// Whether each lock says itself who holds it. Otherwise it is likely.
    pub is_certain: bool,
    /// Other threads that may hold one of these locks, in ascending order.
    pub others: Vec<u32>,
}

/// Who a thread waits for.
#[derive(Debug, Clone, Copy)]
struct Step<'a> {
    holder: u32,
    is_certain: bool,
    /// All threads that may hold the lock, if there are several.
    one_of: &'a [u32],
}

/// The rings among the threads that wait for these locks, by the smallest thread id. A lock with several possible
/// holders is on no ring.
pub fn rings(waits: &[LockWait]) -> Vec<ThreadRing> {
    rings_of(waits, |_| None)
}

/// The same, with those that are rings only if a lock with several possible holders is held by the one of them that
/// itself waits for a lock.
pub fn possible_rings(waits: &[LockWait]) -> Vec<ThreadRing> {
    let waiting: HashSet<u32> = waits.iter().flat_map(|wait| wait.threads.iter().copied()).collect();
    rings_of(waits, |tids| {
        let mut waiting = tids.iter().copied().filter(|tid| waiting.contains(tid));
        waiting.next().filter(|_| waiting.next().is_none())
    })
}

/// `choice`: the one of several possible holders.
fn rings_of(waits: &[LockWait], choice: impl Fn(&[u32]) -> Option<u32>) -> Vec<ThreadRing> {
    let mut next: HashMap<u32, Step<'_>> = HashMap::new();
    for wait in waits {
        let step = match wait.holder.as_ref() {
            Some(Holder::Owner(holder)) => Step { holder: *holder, is_certain: true, one_of: &[] },
            Some(Holder::Likely(holder)) => Step { holder: *holder, is_certain: false, one_of: &[] },
            Some(Holder::OneOf(one_of)) => match choice(one_of) {
                Some(holder) => Step { holder, is_certain: false, one_of },
                None => continue,
            },
            Some(Holder::Unknown(_)) | None => continue,
        };
        next.extend(wait.threads.iter().map(|waiter| (*waiter, step)));
    }
    let mut starts: Vec<u32> = next.keys().copied().collect();
    starts.sort_unstable();
    let mut done: HashMap<u32, u32> = HashMap::new();
    let mut rings = Vec::new();
    for start in starts {
        let (mut path, mut at) = (Vec::new(), start);
        // Each thread waits for at most one lock, so there is one way on.
        while let Some(step) = next.get(&at)
            && !done.contains_key(&at)
        {
            done.insert(at, start);
            path.push((at, *step));
            at = step.holder;
        }
        // The way came back to itself, and not to one that was walked before.
        if done.get(&at) == Some(&start)
            && let Some(begin) = path.iter().position(|(tid, _)| *tid == at)
        {
            let ring = &path[begin..];
            let threads: Vec<u32> = ring.iter().map(|(tid, _)| *tid).collect();
            let others: BTreeSet<u32> = ring.iter().flat_map(|(_, step)| step.one_of).copied().collect();
            rings.push(ThreadRing {
                is_certain: ring.iter().all(|(_, step)| step.is_certain),
                others: others.into_iter().filter(|tid| !threads.contains(tid)).collect(),
                threads,
            });
        }
    }
    rings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locks::LockKind;

    fn wait(address: u64, threads: &[u32], holder: Holder) -> LockWait {
        LockWait {
            kind: LockKind::Mutex,
            address: Some(address),
            threads: threads.to_vec(),
            places: Vec::new(),
            holder: Some(holder),
        }
    }

    #[test]
    fn threads_that_wait_for_each_other_are_a_ring_and_those_behind_are_not_in_it() {
        let waits = [
            wait(1, &[10, 13], Holder::Likely(11)),
            wait(2, &[11], Holder::Owner(12)),
            wait(3, &[12], Holder::Owner(10)),
        ];
        let expected = ThreadRing { threads: vec![10, 11, 12], is_certain: false, others: vec![] };
        assert_eq!(rings(&waits), [expected]);
    }

    #[test]
    fn a_convoy_and_a_doubtful_holder_are_no_ring() {
        let convoy = [wait(1, &[10, 11], Holder::Likely(12))];
        assert_eq!(rings(&convoy), []);
        let doubtful = [wait(1, &[10], Holder::OneOf(vec![11, 12])), wait(2, &[11], Holder::Likely(10))];
        assert_eq!(rings(&doubtful), []);
    }

    #[test]
    fn a_thread_that_waits_for_its_own_lock_is_a_ring_of_one() {
        let own = [wait(1, &[10], Holder::Owner(10))];
        assert_eq!(rings(&own), [ThreadRing { threads: vec![10], is_certain: true, others: vec![] }]);
    }

    #[test]
    fn a_ring_is_possible_if_one_of_the_possible_holders_waits_itself() {
        let one_of = |tids: &[u32]| Holder::OneOf(tids.to_vec());
        let waits = [wait(1, &[10], one_of(&[5, 11])), wait(2, &[11], one_of(&[5, 10]))];
        assert_eq!(rings(&waits), []);
        let expected = ThreadRing { threads: vec![10, 11], is_certain: false, others: vec![5] };
        assert_eq!(possible_rings(&waits), [expected]);
        let two = [
            wait(1, &[10], one_of(&[11, 12])),
            wait(2, &[11], one_of(&[5, 10])),
            wait(3, &[12], one_of(&[5])),
        ];
        assert_eq!(possible_rings(&two), [], "either of two may hold it");
    }
}
