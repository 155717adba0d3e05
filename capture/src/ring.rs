//! A lock-free ring buffer of records: many handlers write, the agent's thread reads. Allocated in advance.
//!
//! A writer reserves room by advancing `head`, fills its words, and commits by storing the record's
//! first word, which was 0 until then. The reader stops at a first word of 0, zeroes the words it read
//! and then advances `tail`; only then can writers reuse the words. A writer that is stopped between
//! reserving and committing blocks the reader, but other writers only when the ring is full. The caller counts
//! records that do not fit.

use std::io;

use rgops_protocol::reply::StackEnd;

#[cfg(not(rgops_loom))]
use super::memory::Pages;
use super::sync::{AtomicU64, Ordering};
use super::unwind::MAX_DEPTH;

/// Words of a record before its frames.
const HEADER_WORDS: u64 = 4;

/// Words of the longest record.
pub(super) const LONGEST_RECORD: usize = HEADER_WORDS as usize + MAX_DEPTH;

/// A record's fields, except the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) tid: u32,
    pub(super) weight: u32,
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub(super) time_ns: u64,
    pub(super) end: StackEnd,
    /// The thread was interrupted on a stack that may have no room for the kernel's signal frame.
    pub(super) is_at_risk: bool,
}

/// The bit for `is_at_risk`, in the same word as `end`.
const AT_RISK: u64 = 1 << 32;

/// The storage: mapped pages, or words that loom tracks.
#[cfg(not(rgops_loom))]
type Words = Pages;
#[cfg(rgops_loom)]
type Words = Box<[AtomicU64]>;

pub(super) struct Ring {
    words: Words,
    /// The number of words minus one; the number is a power of two.
    mask: u64,
    head: AtomicU64,
    tail: AtomicU64,
}

impl Ring {
    /// A ring of at least `words` words. The system commits memory only when it is written.
    pub(super) fn with_words(words: usize) -> io::Result<Ring> {
        let count = words.next_power_of_two();
        #[cfg(not(rgops_loom))]
        let words = Pages::zeroed(count * size_of::<AtomicU64>())?;
        #[cfg(rgops_loom)]
        let words = (0..count).map(|_| AtomicU64::new(0)).collect();
        Ok(Ring { words, mask: count as u64 - 1, head: AtomicU64::new(0), tail: AtomicU64::new(0) })
    }

    #[cfg(rgops_loom)]
    fn word(&self, at: u64) -> &AtomicU64 {
        &self.words[(at & self.mask) as usize]
    }

    #[cfg(not(rgops_loom))]
    fn word(&self, at: u64) -> &AtomicU64 {
        let words = self.words.start().cast::<AtomicU64>();
        // SAFETY: the index is at most `mask`, so it is inside the mapping. The mapping is page-aligned, lives as
        // long as `self`, and is accessed only through these atomics.
        unsafe { words.add((at & self.mask) as usize).as_ref() }
    }

    /// Adds a record; `false` when there is no room. Async-signal-safe.
    pub(super) fn push(&self, record: Record, frames: &[u64]) -> bool {
        let length = HEADER_WORDS + frames.len() as u64;
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // Wrapping: the writers and the reader may both have advanced past our `head` since it was loaded.
            let taken = (head + length).wrapping_sub(self.tail.load(Ordering::Acquire));
            if taken > self.mask + 1 {
                let moved = self.head.load(Ordering::Relaxed);
                if moved == head {
                    return false;
                }
                head = moved;
                continue;
            }
            match self.head.compare_exchange_weak(head, head + length, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break,
                Err(moved) => head = moved,
            }
        }
        self.word(head + 1).store(u64::from(record.tid) | u64::from(record.weight) << 32, Ordering::Relaxed);
        self.word(head + 2).store(record.time_ns, Ordering::Relaxed);
        let at_risk = if record.is_at_risk { AT_RISK } else { 0 };
        self.word(head + 3).store(record.end as u64 | at_risk, Ordering::Relaxed);
        for (at, frame) in frames.iter().enumerate() {
            self.word(head + HEADER_WORDS + at as u64).store(*frame, Ordering::Relaxed);
        }
        self.word(head).store(length, Ordering::Release);
        true
    }

    /// Removes every committed record. Only the agent's thread may call it.
    pub(super) fn drain(&self, mut each: impl FnMut(Record, Vec<u64>)) {
        loop {
            let tail = self.tail.load(Ordering::Relaxed);
            let length = self.word(tail).load(Ordering::Acquire);
            if length == 0 {
                return;
            }
            let load = |at: u64| self.word(tail + at).load(Ordering::Relaxed);
            let who = load(1);
            let record = Record {
                tid: who as u32,
                weight: (who >> 32) as u32,
                time_ns: load(2),
                is_at_risk: load(3) & AT_RISK != 0,
                end: match load(3) & !AT_RISK {
                    end if end == StackEnd::Root as u64 => StackEnd::Root,
                    end if end == StackEnd::DepthLimit as u64 => StackEnd::DepthLimit,
                    _ => StackEnd::Lost,
                },
            };
            let frames = (HEADER_WORDS..length).map(load).collect();
            for at in 0..length {
                self.word(tail + at).store(0, Ordering::Relaxed);
            }
            self.tail.store(tail + length, Ordering::Release);
            each(record, frames);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn record(tid: u32) -> Record {
        Record { tid, weight: 1, time_ns: 5, end: StackEnd::Root, is_at_risk: tid % 2 == 1 }
    }

    #[test]
    fn records_are_read_as_written_and_a_full_ring_refuses_more() {
        let ring = Ring::with_words(16).unwrap();
        assert!(ring.push(record(1), &[10, 11]));
        assert!(ring.push(record(2), &[20; 6]));
        assert!(!ring.push(record(3), &[]), "16 words are taken");
        let mut out = Vec::new();
        ring.drain(|record, frames| out.push((record.tid, frames)));
        assert_eq!(out, [(1, vec![10, 11]), (2, vec![20; 6])]);
        assert!(ring.push(record(3), &[7]));
    }

    #[test]
    fn concurrent_writers_lose_no_accepted_record() {
        let ring = Ring::with_words(1 << 12).unwrap();
        let accepted = AtomicU64::new(0);
        let mut seen = 0u64;
        std::thread::scope(|scope| {
            let writers: Vec<_> = (1..=4)
                .map(|tid| {
                    let (ring, accepted) = (&ring, &accepted);
                    scope.spawn(move || {
                        for _ in 0..if cfg!(miri) { 50 } else { 20_000 } {
                            if ring.push(record(tid), &[u64::from(tid); 9]) {
                                accepted.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    })
                })
                .collect();
            let mut check = |record: Record, frames: Vec<u64>| {
                assert_eq!(frames, [u64::from(record.tid); 9]);
                seen += 1;
            };
            while writers.iter().any(|writer| !writer.is_finished()) {
                ring.drain(&mut check);
            }
            // Joining the writers makes all their writes visible here.
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            ring.drain(&mut check);
        });
        assert_eq!(seen, accepted.load(Ordering::Relaxed));
    }
}
