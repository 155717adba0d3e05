//! Searches the stacks of sleeping threads for words, without stopping or signalling them.

use rgops_protocol::reply::words::{FoundWord, MAX_FOUND, SearchedStack};
use rgops_protocol::reply::{Known, Unavailable};

use crate::quiet::stack_pointer;
use crate::{clock, memory, procfs};

/// A word has this many bytes.
const WORD_BYTES: usize = 8;

/// Searches stacks; keeps its buffer.
#[derive(Debug)]
pub struct StackSearch {
    /// Sorted, with the index of each.
    words: Vec<(u64, u32)>,
    buffer: Vec<u8>,
}

impl StackSearch {
    /// For these words, in `max_bytes` from each stack pointer upwards.
    pub fn new(words: &[u64], max_bytes: usize) -> StackSearch {
        let mut words: Vec<(u64, u32)> = words.iter().copied().zip(0..).collect();
        words.sort_unstable();
        StackSearch { words, buffer: vec![0; max_bytes] }
    }

    /// Searches the stack of a thread, which must not be the calling one. A thread that runs is not searched: where its
    /// stack begins is not known.
    pub fn search(&mut self, tid: u32) -> Known<SearchedStack> {
        self.try_search(tid).map_or_else(Known::Unavailable, Known::Value)
    }

    fn try_search(&mut self, tid: u32) -> Result<SearchedStack, Unavailable> {
        let missing = |what: String| Unavailable { reason: what, fix: String::new() };
        let clock = || clock::thread_cpu_ns(tid).map_err(|error| missing(format!("its CPU clock: {error}")));
        let before = clock()?;
        let path = format!("/proc/self/task/{tid}/syscall");
        let line = procfs::read(&path, procfs::SMALL_FILE_BYTES).map_err(|error| Unavailable {
            reason: format!("{path}: {error}"),
            fix: procfs::fix(&error).to_owned(),
        })?;
        let sp = stack_pointer(&line).ok_or_else(|| missing("it is running".to_owned()))?;
        // Words are aligned on a stack.
        let begin = sp.next_multiple_of(WORD_BYTES as u64);
        let copied = memory::copy_start(begin, &mut self.buffer)
            .map_err(|error| missing(format!("its stack cannot be read: {error}")))?;
        if clock()? != before {
            return Err(missing("it ran while its stack was read".to_owned()));
        }
        let (words, _) = self.buffer[..copied].as_chunks::<WORD_BYTES>();
        let mut found = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let word = u64::from_ne_bytes(*word);
            if let Ok(place) = self.words.binary_search_by_key(&word, |(known, _)| *known) {
                let avma = begin + (at * WORD_BYTES) as u64;
                found.push(FoundWord { avma, word: self.words[place].1 });
                if found.len() == MAX_FOUND {
                    break;
                }
            }
        }
        Ok(SearchedStack { sp, bytes: copied as u32, cpu_ns: before, found })
    }
}

#[cfg(all(test, not(rgops_loom)))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::hint::black_box;
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::testing::eventually;

    #[test]
    fn a_word_on_the_stack_of_a_sleeping_thread_is_found_and_no_other() {
        const ON_STACK: u64 = 0x5eed_1234_5678_9abc;
        let (id, has_id) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let sleeper = thread::spawn(move || {
            let kept = black_box([ON_STACK.rotate_left(3), ON_STACK]);
            id.send(procfs::threads::own_id().unwrap()).unwrap();
            let _ = ends.recv();
            black_box(&kept);
        });
        let tid = has_id.recv().unwrap();
        let mut search = StackSearch::new(&[1 << 63 | 12345, ON_STACK], 64 * 1024);
        eventually("it sleeps", || {
            search.search(tid).value().is_some_and(|stack| {
                stack.found.iter().any(|found| found.word == 1)
                    && stack.found.iter().all(|found| found.word == 1)
            })
        });
        drop(end);
        sleeper.join().unwrap();
        assert!(search.search(u32::MAX / 2).value().is_none());
    }
}
