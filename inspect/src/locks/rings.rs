//! Rings of threads: each waits for a lock that the next one holds.

use std::collections::HashMap;

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
}

/// The rings among the threads that wait for these locks, by the smallest thread id. A lock with several possible
/// holders is on no ring.
pub fn rings(waits: &[LockWait]) -> Vec<ThreadRing> {
    let mut next: HashMap<u32, (u32, bool)> = HashMap::new();
    for wait in waits {
        let Some(holder) = wait.holder.as_ref() else { continue };
        let Some(tid) = holder.thread() else { continue };
        let is_certain = matches!(holder, Holder::Owner(_));
        next.extend(wait.threads.iter().map(|waiter| (*waiter, (tid, is_certain))));
    }
    let mut starts: Vec<u32> = next.keys().copied().collect();
    starts.sort_unstable();
    let mut done: HashMap<u32, u32> = HashMap::new();
    let mut rings = Vec::new();
    for start in starts {
        let (mut path, mut at) = (Vec::new(), start);
        // Each thread waits for at most one lock, so there is one way on.
        while let Some((on, is_certain)) = next.get(&at)
            && !done.contains_key(&at)
        {
            done.insert(at, start);
            path.push((at, *is_certain));
            at = *on;
        }
        // The way came back to itself, and not to one that was walked before.
        if done.get(&at) == Some(&start)
            && let Some(begin) = path.iter().position(|(tid, _)| *tid == at)
        {
            let ring = &path[begin..];
            let threads: Vec<u32> = ring.iter().map(|(tid, _)| *tid).collect();
            rings.push(ThreadRing { threads, is_certain: ring.iter().all(|(_, is_certain)| *is_certain) });
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
        let expected = ThreadRing { threads: vec![10, 11, 12], is_certain: false };
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
        assert_eq!(rings(&own), [ThreadRing { threads: vec![10], is_certain: true }]);
    }
}
