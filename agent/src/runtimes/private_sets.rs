//! Finds the `LocalSet`s that nobody told the agent about, as those of actix and tokio-uring.
//!
//! Tokio's thread-local points at a set only while the set is polled. But the set, or a pointer to it, is on the stack of
//! the thread that drives it, in a frame near the root. So each word of each stack is taken for a pointer to a set's
//! context, and for a pointer to a set, and whoever has a list of tasks behind it that names it back is a set
//! ([`super::local_set_layout`]). A set in memory that only other memory points at is not found.

use std::collections::HashSet;
use std::ops;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use rgops_capture::agent_threads;
use rgops_capture::memory::{Range, Reader};
use rgops_capture::offload_thread::OffloadThread;
use rgops_capture::procfs::threads;
use rgops_capture::thread_stack::StackCopies;
use rgops_protocol::reply::Unavailable;

use super::anchors::{Anchors, Start, quiet_runtime, unavailable};
use super::layout::Layout;
use super::local_set_layout::{List, LocalSetLayout};

/// For the search of all stacks: a thread takes about 100 µs.
const MAX_SEARCH: Duration = Duration::from_millis(500);

/// Maximum sets that are listed.
const MAX_SETS: usize = 256;

/// Words that are known to have been looked at: a power of two. Together 32 KiB; larger blocks of memory change how
/// glibc treats those of the program (mallopt(3), `M_MMAP_THRESHOLD`).
const SEEN_WORDS: usize = 4096;

/// How often a set is read that is about to change.
const ATTEMPTS: usize = 4;

/// Addresses of a program's data.
const ADDRESSES: ops::Range<u64> = 1 << 16..1 << 48;

/// More references to a context than there are.
const MAX_COUNT: u64 = 1 << 20;

/// The thread that searches.
static SEARCHES: LazyLock<OffloadThread> = LazyLock::new(|| {
    let stuck = "no answer in 2 s: an allocator lock is held, perhaps by a stopped thread";
    OffloadThread::new(agent_threads::TASKS, Duration::from_secs(2), stuck)
});

/// Calibrated once.
static LAYOUT: Mutex<Option<Arc<LocalSetLayout>>> = Mutex::new(None);

/// A `LocalSet` that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PrivateSet {
    /// `local-TID`.
    pub(crate) name: String,
    /// The thread on whose stack it is.
    pub(crate) tid: u32,
    /// Address of its shared state.
    shared: u64,
    list: u64,
    layout: Arc<LocalSetLayout>,
}

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    pub(crate) sets: Vec<PrivateSet>,
    /// The limit that it came to: there may be more.
    pub(crate) limit: Option<&'static str>,
}

/// The sets on the stacks of all threads, without those of `watched`. Fails if nothing could be searched.
pub(crate) async fn find(layout: Layout, watched: Vec<Arc<Anchors>>) -> Result<Sets, Unavailable> {
    SEARCHES.ask(move || Search::new(layout)?.all(&watched)).await?
}

impl PrivateSet {
    /// The starting point of a walk through its list; `None` if it has no tasks.
    pub(crate) async fn start(&self) -> Result<Option<Start>, Unavailable> {
        let set = self.clone();
        SEARCHES.ask(move || set.find_start()).await?
    }

    fn find_start(&self) -> Result<Option<Start>, Unavailable> {
        let mut memory = Reader::open()?;
        // Its id is known, so no larger one is taken.
        let list = read(&self.layout, self.shared, self.list + 1, &mut memory)
            .filter(|list| list.id == self.list)
            .ok_or_else(|| unavailable("it changes too fast, or was dropped"))?;
        if list.oldest == 0 {
            return Ok(None);
        }
        let end_id = quiet_runtime()?.fresh_id();
        Ok(Some(Start::at_task(self.layout.task, list.oldest, end_id)))
    }

    /// Whether a task still belongs to it.
    pub(crate) fn owns(&self, header: u64, memory: &mut Reader) -> bool {
        self.layout.owns(self.shared, self.list, header, memory)
    }
}

/// The list at `shared`. Reads again if the set changes at this moment.
fn read(layout: &LocalSetLayout, shared: u64, fresh: u64, memory: &mut Reader) -> Option<List> {
    (0..ATTEMPTS).find_map(|_| layout.list(shared, fresh, memory))
}

struct Search {
    layout: Arc<LocalSetLayout>,
    /// An id that is larger than those of all lists.
    fresh: u64,
    memory: Reader,
    seen: Seen,
    ranges: Vec<Range>,
    bytes: Vec<u8>,
    readable: Vec<bool>,
}

impl Search {
    fn new(task: Layout) -> Result<Search, Unavailable> {
        let mut memory = Reader::open()?;
        let mut known = LAYOUT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let layout = match &*known {
            Some(layout) => layout.clone(),
            None => {
                let found = LocalSetLayout::calibrate(task, &mut memory);
                let found = found.map_err(|unknown| unavailable(&unknown.to_string()))?;
                known.insert(Arc::new(found)).clone()
            }
        };
        drop(known);
        let fresh = LocalSetLayout::fresh_list(&mut memory)
            .ok_or_else(|| unavailable("a LocalSet of the agent cannot be read"))?;
        let (ranges, bytes, readable) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Search { layout, fresh, memory, seen: Seen::default(), ranges, bytes, readable })
    }

    fn all(mut self, watched: &[Arc<Anchors>]) -> Result<Sets, Unavailable> {
        let (began, mut sets, mut limit) = (Instant::now(), Vec::new(), None);
        let mut stacks = StackCopies::open()?;
        let shared = |anchors: &Arc<Anchors>| anchors.local_set(&self.layout, &mut self.memory);
        let mut known: HashSet<u64> = watched.iter().filter_map(shared).collect();
        let (tids, _) = threads::ids().map_err(|error| unavailable(&format!("/proc/self/task: {error}")))?;
        for tid in tids {
            if began.elapsed() > MAX_SEARCH {
                limit = Some("not all stacks were searched within 500 ms");
                break;
            }
            let Ok(stat) = threads::stat(tid) else { continue };
            if agent_threads::is_agent_thread(&stat.name) {
                continue;
            }
            let Some(stack) = stacks.addresses(tid) else { continue };
            let mut number = 0;
            for from in stack.clone().step_by(StackCopies::PIECE_BYTES as usize) {
                let words = stacks.words(from, stack.end).filter(|word| !stack.contains(word));
                for (shared, list) in self.sets(words) {
                    if !known.insert(shared) {
                        continue;
                    }
                    if sets.len() == MAX_SETS {
                        limit = Some("at most 256 are listed");
                        continue;
                    }
                    number += 1;
                    let suffix = if number == 1 { String::new() } else { format!("-{number}") };
                    let name = format!("local-{tid}{suffix}");
                    sets.push(PrivateSet { name, tid, shared, list: list.id, layout: self.layout.clone() });
                }
            }
        }
        Ok(Sets { sets, limit })
    }

    /// The sets that these words point at.
    fn sets(&mut self, words: impl Iterator<Item = u64>) -> Vec<(u64, List)> {
        let (mut shared, contexts) = self.behind(words);
        shared.extend(self.behind(contexts.into_iter()).0);
        let list = |shared: u64| Some((shared, read(&self.layout, shared, self.fresh, &mut self.memory)?));
        shared.into_iter().filter_map(list).collect()
    }

    /// What these words may point at: contexts, as the shared states behind them, and sets, as the contexts behind them.
    fn behind(&mut self, words: impl Iterator<Item = u64>) -> (Vec<u64>, Vec<u64>) {
        let is_address = |word: u64| ADDRESSES.contains(&word) && word.is_multiple_of(8);
        let length = self.layout.context.max(self.layout.shared).max(8) as usize + 8;
        let words = words.filter(|word| is_address(*word) && self.seen.is_new(*word));
        self.ranges.clear();
        self.ranges.extend(words.map(|word| Range::new(word, length)));
        self.memory.gather(&self.ranges, &mut self.bytes, &mut self.readable);
        let (mut shared, mut contexts) = (Vec::new(), Vec::new());
        let pieces = self.bytes.chunks_exact(length).zip(&self.readable);
        for (bytes, _) in pieces.filter(|(_, is_readable)| **is_readable) {
            let word = |offset: u64| {
                let word = bytes.get(offset as usize..).and_then(|bytes| bytes.first_chunk());
                word.map_or(0, |word| u64::from_ne_bytes(*word))
            };
            let is_counted = (1..MAX_COUNT).contains(&word(0)) && (1..MAX_COUNT).contains(&word(8));
            if is_counted && is_address(word(self.layout.shared)) {
                shared.push(word(self.layout.shared));
            }
            contexts.push(word(self.layout.context));
        }
        (shared, contexts)
    }
}

/// Words that were looked at. It forgets some.
struct Seen(Vec<u64>);

impl Default for Seen {
    fn default() -> Seen {
        Seen(vec![0; SEEN_WORDS])
    }
}

impl Seen {
    /// Whether this word, which is not 0, is not known to have been looked at.
    fn is_new(&mut self, word: u64) -> bool {
        // Fibonacci hashing: addresses differ in their middle bits.
        let place = word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SEEN_WORDS.ilog2());
        std::mem::replace(&mut self.0[place as usize], word) != word
    }
}
