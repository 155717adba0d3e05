//! The memory layout of a Tokio task, calibrated instead of assumed.
//!
//! A task is one allocation, `Cell { header, core: { scheduler, id, future }, trailer }`. Its header points to a
//! vtable, which has the offsets of id and trailer from the header for this type of future
//! (`runtime/task/{core,raw}.rs` of Tokio). The compiler chooses which words of the vtable these are, and where
//! in the trailer the list's pointers are. The choice is the same for all tasks of one `tokio` crate. So it is
//! calibrated on reference tasks of the agent, on a runtime that no thread drives. Their futures have different
//! sizes and alignments, and their ids and their order in the lists are known. Exactly one layout must fit all of
//! them; otherwise no task is ever read.
//!
//! Three facts are taken from Tokio's source and checked here: the header is `repr(C)` and begins with state, queue
//! link and vtable; a cell is aligned to 128 bytes on the supported processors; a task is pushed to the front of
//! the list `id mod shards`, and a current-thread runtime has four lists.

use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::task::{Context, Poll};

use rgops_capture::memory::Reader;
use tokio::runtime::Builder;
use tokio::task::{Id, JoinHandle};

/// Offset of the vtable pointer from the header.
pub(crate) const VTABLE: u64 = 16;

/// Alignment of a cell (`Cell` in `runtime/task/core.rs`) on x86_64 and aarch64.
pub(crate) const CELL_ALIGNMENT: u64 = 128;

/// Number of lists of a current-thread runtime: `OwnedTasks::new(1)`, `gen_sharded_list_size`.
pub(crate) const CURRENT_THREAD_SHARDS: usize = 4;

/// Words of a vtable that are read: currently seven functions and three or four offsets.
const VTABLE_WORDS: usize = 11;

/// The maximum offset of the id from the header, and of a list pointer from the trailer.
const MAX_OFFSET: u64 = 1024;

/// Rounds of reference tasks, each with one task of every kind: enough for tasks in every list.
const ROUNDS: usize = 12;

/// The layout of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Index of the vtable word with the offset of the id from the header.
    pub(crate) id_word: usize,
    /// Index of the vtable word with the offset of the trailer from the header.
    pub(crate) trailer_word: usize,
    /// Offset from the trailer of the pointer to the next newer task of the list.
    pub(crate) newer: u64,
    /// Offset from the trailer of the pointer to the next older task of the list.
    pub(crate) older: u64,
}

/// Why the layout is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unknown(pub(super) &'static str);

impl fmt::Display for Unknown {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "rgops does not know the task layout of this Tokio version: {}", self.0)
    }
}

/// A reference task.
#[derive(Debug, Clone, Copy)]
struct Known {
    id: u64,
    header: u64,
    vtable: [u64; VTABLE_WORDS],
}

impl Layout {
    /// Calibrates the layout. Takes about 100 µs. Not for a thread that drives a runtime.
    pub(crate) fn calibrate(memory: &mut Reader) -> Result<Layout, Unknown> {
        let quiet =
            QuietRuntime::new().map_err(|_| Unknown("cannot create the agent's reference runtime"))?;
        let mut tasks = Vec::new();
        for _ in 0..ROUNDS {
            tasks.push(quiet.spawn(pending()));
            tasks.push(quiet.spawn(Large::default()));
            tasks.push(quiet.spawn(Aligned::default()));
        }
        let known: Option<Vec<Known>> = tasks.iter().map(|task| Known::read(task, memory)).collect();
        let known = known.ok_or(Unknown("a task's header or vtable cannot be read"))?;
        let layout = find(&known, memory)?;
        layout.check_lists(&known, memory)?;
        Ok(layout)
    }

    /// Offsets of the id and the trailer from a header, from the words of its vtable; `None` if they are
    /// implausible.
    pub(crate) fn offsets(&self, vtable: &[u64]) -> Option<(u64, u64)> {
        let (id, trailer) = (*vtable.get(self.id_word)?, *vtable.get(self.trailer_word)?);
        // Tokio limits the size of a future (it boxes larger ones: `BOX_FUTURE_THRESHOLD`), not its alignment.
        const MAX_CELL_BYTES: u64 = 1 << 24;
        let plausible =
            id < trailer && trailer < MAX_CELL_BYTES && id.is_multiple_of(8) && trailer.is_multiple_of(8);
        plausible.then_some((id, trailer))
    }

    /// How many words of a vtable must be read.
    pub(crate) fn vtable_words(&self) -> usize {
        self.id_word.max(self.trailer_word) + 1
    }

    /// Checks that the tasks of every list are linked in the order in which they were spawned, in both directions.
    fn check_lists(&self, known: &[Known], memory: &mut Reader) -> Result<(), Unknown> {
        const BROKEN: Unknown = Unknown("the reference tasks are not linked as expected");
        for shard in 0..CURRENT_THREAD_SHARDS as u64 {
            let list: Vec<&Known> =
                known.iter().filter(|task| task.id % CURRENT_THREAD_SHARDS as u64 == shard).collect();
            for (at, task) in list.iter().enumerate() {
                let (id, trailer) = self.offsets(&task.vtable).ok_or(BROKEN)?;
                let mut word = |offset: u64| memory.word(task.header + offset);
                let newer = list.get(at + 1).map_or(0, |newer| newer.header);
                let older = if at == 0 { 0 } else { list[at - 1].header };
                let fits = word(id) == Some(task.id)
                    && word(trailer + self.newer) == Some(newer)
                    && word(trailer + self.older) == Some(older);
                if !fits {
                    return Err(BROKEN);
                }
            }
        }
        Ok(())
    }
}

/// The only layout that fits all reference tasks.
fn find(known: &[Known], memory: &mut Reader) -> Result<Layout, Unknown> {
    let mut id_words = (0..VTABLE_WORDS).filter(|word| {
        known.iter().all(|task| {
            let offset = task.vtable[*word];
            offset < MAX_OFFSET
                && offset.is_multiple_of(8)
                && memory.word(task.header + offset) == Some(task.id)
        })
    });
    let id_word = one(&mut id_words).ok_or(Unknown("the task id was not found"))?;
    drop(id_words);

    // Pairs of neighbours in a list: a task and the task spawned before it.
    let pairs: Vec<(&Known, &Known)> = (known.iter().enumerate())
        .filter_map(|(at, task)| {
            let shard = |task: &Known| task.id % CURRENT_THREAD_SHARDS as u64;
            Some((task, known[..at].iter().rfind(|older| shard(older) == shard(task))?))
        })
        .collect();
    if pairs.len() < known.len() / 2 {
        return Err(Unknown("the reference tasks are not in the expected lists"));
    }
    let mut layouts = Vec::new();
    for trailer_word in (0..VTABLE_WORDS).filter(|word| *word != id_word) {
        // The offset at which all trailers have a pointer to the neighbour.
        let mut pointer = |is_to_older: bool| {
            let mut offsets = (0..MAX_OFFSET).step_by(8).filter(|offset| {
                pairs.iter().all(|(newer, older)| {
                    let (task, target) =
                        if is_to_older { (newer, older.header) } else { (older, newer.header) };
                    let trailer = task.vtable[trailer_word];
                    trailer < 1 << 20 && memory.word(task.header + trailer + offset) == Some(target)
                })
            });
            one(&mut offsets)
        };
        let (Some(older), Some(newer)) = (pointer(true), pointer(false)) else { continue };
        layouts.push(Layout { id_word, trailer_word, newer, older });
    }
    one(&mut layouts.into_iter()).ok_or(Unknown("the list's pointers were not found"))
}

/// The item, if there is exactly one.
fn one<T>(items: &mut dyn Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

impl Known {
    fn read(task: &JoinHandle<()>, memory: &mut Reader) -> Option<Known> {
        let header = header_avma(task, memory)?;
        let vtable = memory.word(header + VTABLE)?;
        let mut words = [0; VTABLE_WORDS];
        for (at, word) in words.iter_mut().enumerate() {
            // The vtable may be at the end of its mapping. `u64::MAX` is not a valid offset.
            *word = memory.word(vtable + 8 * at as u64).unwrap_or(u64::MAX);
        }
        Some(Known { id: number(task.id()), header, vtable: words })
    }
}

/// The address of a task's header: a `JoinHandle` is only a pointer to it.
pub(crate) fn header_avma(task: &JoinHandle<()>, memory: &mut Reader) -> Option<u64> {
    const { assert!(size_of::<JoinHandle<()>>() == size_of::<u64>()) };
    let header = memory.word(std::ptr::from_ref(task) as u64)?;
    (header != 0 && header.is_multiple_of(CELL_ALIGNMENT)).then_some(header)
}

/// A task id as a number. Tokio returns it only as text.
pub(crate) fn number(id: Id) -> u64 {
    id.to_string().parse().unwrap_or(0)
}

/// A runtime of the agent that no thread drives: its tasks are never polled.
#[derive(Debug)]
pub(crate) struct QuietRuntime(tokio::runtime::Runtime);

impl QuietRuntime {
    /// Creates the runtime without drivers, so without descriptors and threads.
    pub(crate) fn new() -> std::io::Result<QuietRuntime> {
        Builder::new_current_thread().build().map(QuietRuntime)
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.0.spawn(future)
    }

    /// An unused task id: larger than all earlier ids, smaller than all later ones.
    pub(crate) fn fresh_id(&self) -> u64 {
        number(self.0.spawn(pending::<()>()).id())
    }
}

/// A future with a size other than that of [`pending`].
struct Large {
    _words: [u64; 40],
}

impl Default for Large {
    fn default() -> Large {
        Large { _words: [0; 40] }
    }
}

/// A future with a larger alignment: its id and trailer are farther from the header.
#[derive(Default)]
#[repr(align(128))]
struct Aligned {
    _word: u64,
}

impl Future for Large {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Future for Aligned {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn every_calibration_finds_the_same_layout() {
        let mut memory = Reader::open().unwrap();
        let first = Layout::calibrate(&mut memory).unwrap();
        assert_eq!(first.older.abs_diff(first.newer), 8, "{first:?}");
        for _ in 0..20 {
            assert_eq!(Layout::calibrate(&mut memory), Ok(first));
        }
    }

    #[test]
    fn the_layout_is_found_while_other_threads_spawn() {
        let busy = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let spawner = {
            let (stop, handle) = (stop.clone(), busy.handle().clone());
            std::thread::spawn(move || {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    handle.spawn(async {});
                }
            })
        };
        let mut memory = Reader::open().unwrap();
        let layouts: Vec<_> = (0..20).map(|_| Layout::calibrate(&mut memory)).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        spawner.join().unwrap();
        assert!(layouts.iter().all(|layout| layout.is_ok() && *layout == layouts[0]), "{layouts:?}");
    }

    #[test]
    fn tasks_that_no_layout_fits_are_refused() {
        let mut memory = Reader::open().unwrap();
        let quiet = QuietRuntime::new().unwrap();
        let tasks: Vec<_> = (0..24).map(|_| quiet.spawn(pending())).collect();
        let mut known: Vec<Known> =
            tasks.iter().map(|task| Known::read(task, &mut memory).unwrap()).collect();
        // With only one size of future, the trailer's word cannot be distinguished from another constant.
        assert_eq!(find(&known, &mut memory), Err(Unknown("the list's pointers were not found")));
        known[7].id += 1;
        assert_eq!(find(&known, &mut memory), Err(Unknown("the task id was not found")));
    }
}
