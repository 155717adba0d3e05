//! Copies of other threads' stacks up to their roots, without stopping or signalling the threads.
//!
//! A thread may run meanwhile: then the words are of different moments, and some are left from calls that have
//! returned. Who reads them checks what they mean.

use std::ops;

use rgops_protocol::reply::Unavailable;

use crate::memory::{PAGE_BYTES, Range, Reader};
use crate::procfs::threads::stack_pointer;
use crate::stack_bounds;
use crate::thread_locals::{own_tid, robust_list, thread_pointer};

/// The most bytes of a stack, next to its root.
const MOST_BYTES: u64 = 256 * 1024;

/// The same for a thread that runs: the kernel does not tell where its stack begins.
const MOST_BYTES_OF_RUNNING: u64 = 128 * 1024;

const WORD_BYTES: u64 = 8;

/// Copies stacks.
#[derive(Debug)]
pub struct StackCopies {
    memory: Reader,
    /// Distance from the thread pointer to the robust list, modulo 2^64; `None` where threads have no such list.
    robust_list: Option<u64>,
    ranges: Vec<Range>,
    bytes: Vec<u8>,
    readable: Vec<bool>,
}

impl StackCopies {
    /// The bytes that are copied at once. Larger blocks of memory change how glibc treats those of the program
    /// (mallopt(3), `M_MMAP_THRESHOLD`).
    pub const PIECE_BYTES: u64 = 4 * PAGE_BYTES;

    /// Fails if the program may not read its own memory.
    pub fn open() -> Result<StackCopies, Unavailable> {
        let own = robust_list(own_tid()).ok().filter(|head| *head != 0);
        Ok(StackCopies {
            memory: Reader::open()?,
            robust_list: own.map(|head| head.wrapping_sub(thread_pointer())),
            ranges: Vec::new(),
            bytes: Vec::new(),
            readable: Vec::new(),
        })
    }

    /// Where the stack of this thread is, as far as it is copied; `None` if nothing is known of it.
    pub fn addresses(&self, tid: u32) -> Option<ops::Range<u64>> {
        let sp = stack_pointer(tid).ok()?.map(|sp| sp.next_multiple_of(WORD_BYTES));
        match (sp, self.root(tid)) {
            (Some(sp), Some(root)) if sp < root => Some(sp.max(root.saturating_sub(MOST_BYTES))..root),
            // On another stack, such as a coroutine's, or with an unknown root.
            (Some(sp), _) => Some(sp..sp.checked_add(MOST_BYTES)?),
            (None, Some(root)) => Some(root.saturating_sub(MOST_BYTES_OF_RUNNING)..root),
            (None, None) => None,
        }
    }

    /// Where the thread's own stack ends: see [`stack_bounds`].
    fn root(&self, tid: u32) -> Option<u64> {
        if tid == std::process::id() {
            return Some(stack_bounds::own_end(true)).filter(|end| *end != 0);
        }
        let head = robust_list(tid).ok().filter(|head| *head != 0)?;
        Some(head.wrapping_sub(self.robust_list?) & !(WORD_BYTES - 1))
    }

    /// The words of [`StackCopies::PIECE_BYTES`] from this address, at most up to `end`; 0 where one cannot be read.
    pub fn words(&mut self, from: u64, end: u64) -> impl Iterator<Item = u64> {
        let end = end.min(from.saturating_add(StackCopies::PIECE_BYTES));
        self.ranges.clear();
        let mut page = from;
        while page < end {
            let next = ((page / PAGE_BYTES + 1) * PAGE_BYTES).min(end);
            self.ranges.push(Range::new(page, (next - page) as usize));
            page = next;
        }
        self.memory.gather(&self.ranges, &mut self.bytes, &mut self.readable);
        self.bytes.as_chunks().0.iter().map(|word| u64::from_ne_bytes(*word))
    }
}

#[cfg(all(test, not(rgops_loom)))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::hint::black_box;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::procfs::threads::own_id;
    use crate::testing::eventually;

    /// Not a constant: it must be on the stack only where it was put.
    fn planted() -> u64 {
        u64::from(own_tid()) << 32 | 0x5eed_5eed
    }

    fn has(stacks: &mut StackCopies, tid: u32, wanted: u64) -> bool {
        let Some(stack) = stacks.addresses(tid) else { return false };
        let pieces = stack.clone().step_by(StackCopies::PIECE_BYTES as usize);
        let words: Vec<u64> =
            pieces.flat_map(|from| stacks.words(from, stack.end).collect::<Vec<_>>()).collect();
        assert_eq!(words.len() as u64, (stack.end - stack.start) / 8);
        words.contains(&wanted)
    }

    #[test]
    fn a_word_near_the_root_is_copied_while_the_thread_sleeps() {
        let (id, has_id) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let sleeper = thread::spawn(move || {
            let kept = black_box([planted()]);
            id.send((own_id().unwrap(), kept[0])).unwrap();
            let _ = ends.recv();
            black_box(&kept);
        });
        let (tid, word) = has_id.recv().unwrap();
        let mut stacks = StackCopies::open().unwrap();
        eventually("it is found", || has(&mut stacks, tid, word));
        drop(end);
        sleeper.join().unwrap();
        assert_eq!(stacks.addresses(u32::MAX / 2), None);
    }

    #[test]
    fn a_word_near_the_root_is_copied_while_the_thread_runs() {
        static STOP: AtomicBool = AtomicBool::new(false);
        let (id, has_id) = mpsc::channel();
        let runner = thread::spawn(move || {
            let kept = black_box([planted()]);
            id.send((own_id().unwrap(), kept[0])).unwrap();
            while !STOP.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            black_box(&kept);
        });
        let (tid, word) = has_id.recv().unwrap();
        let mut stacks = StackCopies::open().unwrap();
        // Where the C library registers no list, the root of a thread that runs is not known.
        if stacks.robust_list.is_some() {
            eventually("it is found", || has(&mut stacks, tid, word));
        }
        STOP.store(true, Ordering::Relaxed);
        runner.join().unwrap();
    }
}
