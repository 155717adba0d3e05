//! The set of stacks that blocks were allocated on, each with the sums of its blocks. Entries are only added.
//!
//! A stack is found by its hash in an open-addressed index without removal. A new stack is
//! written to a record first, and then published by one compare-and-swap in the index. A thread that
//! loses the race for the same stack uses the other thread's record, and its own stays unused. So a stack
//! has one number, no thread waits, and no thread sees an incomplete record.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rgops_protocol::reply::pprof_heap::Estimate;
use rgops_protocol::reply::{Stack, StackEnd};

/// The maximum number of stacks. Number 0 stands for blocks without one.
pub(super) const STACKS: usize = 16 * 1024;
/// The maximum number of frames of all stacks together.
const WORDS: usize = 512 * 1024;
/// The size of the index, so that it is at most half full.
const INDEX: usize = 2 * STACKS;
/// The maximum number of index entries probed. At half load a longer run means a poor hash, and counts as no room.
const PROBES: usize = 64;

/// The sums over one stack's blocks, one atomic for each field of [`Estimate`].
#[derive(Default)]
pub(super) struct Sum([AtomicU64; 5]);

impl Sum {
    /// Adds the estimate of one block.
    pub(super) fn add(&self, estimate: &Estimate) {
        let Estimate { samples, objects_milli, bytes, objects_variance, bytes_variance } = *estimate;
        let fields = [samples, objects_milli, bytes, objects_variance, bytes_variance];
        for (sum, field) in self.0.iter().zip(fields) {
            // Certain blocks have no variance: skipping 0 avoids fetching the line for writing.
            if field != 0 {
                sum.fetch_add(field, Ordering::Release);
            }
        }
    }

    pub(super) fn read(&self) -> Estimate {
        let [samples, objects_milli, bytes, objects_variance, bytes_variance] =
            [0, 1, 2, 3, 4].map(|at: usize| self.0[at].load(Ordering::Acquire));
        Estimate { samples, objects_milli, bytes, objects_variance, bytes_variance }
    }
}

/// A stack: the position of its frames, and its sums.
#[repr(align(64))]
struct Record {
    allocated: Sum,
    freed: Sum,
    hash: AtomicU64,
    first_word: AtomicU32,
    /// The number of frames; above 16 bits, the end of the walk.
    shape: AtomicU32,
}

/// The whole set; zeroed memory is a valid empty set.
pub(super) struct Stacks {
    index: [AtomicU32; INDEX],
    records: [Record; STACKS],
    words: [AtomicU64; WORDS],
    /// The number of records used, not counting 0.
    used: AtomicU32,
    words_used: AtomicU32,
}

impl Stacks {
    /// The number of this stack; adds it if it is new. `None` when there is no room.
    pub(super) fn number(&self, frames: &[u64], end: StackEnd) -> Option<u32> {
        let hash = hash(frames, end);
        let mut own = None;
        for probe in 0..PROBES {
            let place = &self.index[(hash as usize).wrapping_add(probe) % INDEX];
            let mut there = place.load(Ordering::Acquire);
            if there == 0 {
                let number = match own {
                    Some(number) => number,
                    None => *own.insert(self.write(frames, end, hash)?),
                };
                match place.compare_exchange(0, number, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => return Some(number),
                    Err(other) => there = other,
                }
            }
            if self.is(there, frames, end, hash) {
                return Some(there);
            }
        }
        None
    }

    /// Writes a record that is not published yet.
    fn write(&self, frames: &[u64], end: StackEnd, hash: u64) -> Option<u32> {
        let room = |used: &AtomicU32, more: usize, all: usize| {
            used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                (used as usize + more <= all).then_some(used + more as u32)
            })
        };
        let first = room(&self.words_used, frames.len(), WORDS).ok()?;
        let number = room(&self.used, 1, STACKS - 1).ok()? + 1;
        for (word, frame) in self.words[first as usize..].iter().zip(frames) {
            word.store(*frame, Ordering::Relaxed);
        }
        let record = &self.records[number as usize];
        record.hash.store(hash, Ordering::Relaxed);
        record.first_word.store(first, Ordering::Relaxed);
        record.shape.store(frames.len() as u32 | (end as u32) << 16, Ordering::Release);
        Some(number)
    }

    fn is(&self, number: u32, frames: &[u64], end: StackEnd, hash: u64) -> bool {
        let record = &self.records[number as usize];
        record.hash.load(Ordering::Relaxed) == hash
            && record.shape.load(Ordering::Relaxed) == (frames.len() as u32 | (end as u32) << 16)
            && self.frames(record).zip(frames).all(|(ours, theirs)| ours == *theirs)
    }

    fn frames(&self, record: &Record) -> impl Iterator<Item = u64> {
        let first = record.first_word.load(Ordering::Relaxed) as usize;
        let count = (record.shape.load(Ordering::Acquire) & 0xffff) as usize;
        self.words[first..first + count].iter().map(|word| word.load(Ordering::Relaxed))
    }

    /// Adds a sampled block.
    pub(super) fn allocated(&self, number: u32, estimate: &Estimate) {
        self.records[number as usize].allocated.add(estimate);
    }

    /// Adds a sampled block that was freed, with the same estimate as for its allocation.
    pub(super) fn freed(&self, number: u32, estimate: &Estimate) {
        self.records[number as usize].freed.add(estimate);
    }

    /// The number of stacks so far, not counting 0.
    pub(super) fn count(&self) -> usize {
        self.used.load(Ordering::Acquire) as usize
    }

    /// The sums of every stack that has any, with its number. Reads freed before allocated, so that freed never
    /// exceeds allocated. A concurrent block may be included in some fields and not in others.
    pub(super) fn sums(&self) -> impl Iterator<Item = (u32, Estimate, Estimate)> {
        (0..=self.count() as u32).filter_map(|number| {
            let record = &self.records[number as usize];
            let freed = record.freed.read();
            let allocated = record.allocated.read();
            (allocated.samples != 0).then_some((number, allocated, freed))
        })
    }

    /// The stack with this number, which must have sums.
    pub(super) fn stack(&self, number: u32) -> Stack {
        if number == 0 {
            return Stack { frames: Vec::new(), end: StackEnd::NotCaptured };
        }
        let record = &self.records[number as usize];
        let end = match record.shape.load(Ordering::Acquire) >> 16 {
            end if end == StackEnd::Root as u32 => StackEnd::Root,
            end if end == StackEnd::DepthLimit as u32 => StackEnd::DepthLimit,
            _ => StackEnd::Lost,
        };
        Stack { frames: self.frames(record).collect(), end }
    }
}

/// FNV's structure on words, with a multiplication that mixes upwards and a final fold.
fn hash(frames: &[u64], end: StackEnd) -> u64 {
    let mixed = frames.iter().fold(end as u64 + 1, |hash, frame| {
        (hash ^ frame).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
    });
    mixed ^ mixed >> 32
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::zeroed::zeroed;
    use super::*;

    fn stacks() -> &'static Stacks {
        // SAFETY: `Stacks` consists of atomics, which are valid when zeroed.
        &unsafe { zeroed::<Stacks>(1, &mut 0) }.unwrap()[0]
    }

    #[test]
    fn a_stack_has_one_number_and_can_be_read_back() {
        let stacks = stacks();
        let first = stacks.number(&[1, 2, 3], StackEnd::Root).unwrap();
        assert_eq!(stacks.number(&[1, 2, 3], StackEnd::Root), Some(first));
        let others = [
            stacks.number(&[1, 2], StackEnd::Root).unwrap(),
            stacks.number(&[1, 2, 3], StackEnd::Lost).unwrap(),
            stacks.number(&[1, 2, 4], StackEnd::Root).unwrap(),
        ];
        assert!(!others.contains(&first));
        assert_eq!(stacks.stack(first), Stack { frames: vec![1, 2, 3], end: StackEnd::Root });
        assert_eq!(stacks.stack(0).end, StackEnd::NotCaptured);
        let estimate = Estimate::of_block(100, 4096);
        stacks.allocated(first, &estimate);
        assert_eq!(stacks.sums().collect::<Vec<_>>(), [(first, estimate, Estimate::default())]);
    }

    #[test]
    fn known_stacks_are_still_found_when_there_is_no_room() {
        let stacks = stacks();
        let mut accepted = 0;
        for number in 0..2 * STACKS as u64 {
            accepted += u64::from(stacks.number(&[number, number * 7, 3], StackEnd::Root).is_some());
        }
        assert!(accepted > STACKS as u64 * 9 / 10 && accepted < STACKS as u64, "{accepted}");
        assert!(stacks.number(&[5, 35, 3], StackEnd::Root).is_some());
        assert!(stacks.number(&[5, 35, 4], StackEnd::Root).is_none());
    }

    #[test]
    fn threads_that_add_the_same_stack_agree_on_its_number() {
        let stacks = stacks();
        let found: Vec<Vec<u32>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let number = |at: u64| stacks.number(&[at, at + 1], StackEnd::Root).unwrap();
                        (0..1000).map(number).collect()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
