//! Where a `LocalSet` keeps its tasks, calibrated instead of assumed.
//!
//! `LocalSet { context: Rc<Context>, … }`, `Context { shared: Arc<Shared>, … }`, and `Shared` has the list of tasks, the
//! list's id and two queues (`task/local.rs` and `runtime/task/list.rs` of Tokio). The compiler chooses where the fields
//! are. The choice is the same for all sets of one `tokio` crate. So it is calibrated on sets of the agent, whose tasks
//! are known. Exactly one layout must fit all of them; otherwise no set is ever looked for.
//!
//! How large `Shared` is, is not known: more is read, and what follows it on the heap may have the same words, such as a
//! task with the id of the list. But that is behind the fields: the first word that fits all sets is the field, if no
//! other field can fit. The head and the tail of the list are next to each other. The id grows from set to set, while
//! everything that counts the tasks shrinks: each set has fewer than the one before.
//!
//! Facts of Tokio that are checked here: a task's header has the id of its list as the fourth word, and the pointer to
//! `Shared` is the word before the task's id.

use std::future::pending;

use rgops_capture::memory::Reader;
use tokio::task::{JoinHandle, LocalSet};

use super::layout::{CELL_ALIGNMENT, Layout, Unknown, VTABLE, header_avma};

/// Offset of the id of a task's list from its header (`Header` in `runtime/task/core.rs`).
const LIST_ID: u64 = 24;

/// Words of the allocation of an `Rc<Context>` that are looked at: two counts, a pointer, a flag.
const CONTEXT_WORDS: u64 = 4;

/// The same for `Arc<Shared>`: currently 21 words.
const SHARED_WORDS: u64 = 32;

/// More references than anyone has.
const MAX_COUNT: u64 = 1 << 32;

/// Tasks of the reference sets.
const TASKS: [usize; 5] = [6, 5, 4, 3, 2];

/// How often other sets are looked at if several paths lead to the shared state: one of them is left by chance in the
/// padding of a structure.
const ROUNDS: usize = 4;

/// Queues of a set: its own, and the one for wakers on other threads.
const QUEUES: usize = 2;

/// The capacity of a queue of a new set (`INITIAL_CAPACITY` in `task/local.rs` of Tokio). It only doubles.
const QUEUE_CAPACITY: u64 = 64;

/// The layout of a `LocalSet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalSetLayout {
    /// The layout of its tasks.
    pub(crate) task: Layout,
    /// Offset in a `LocalSet` of the pointer to the context.
    pub(crate) context: u64,
    /// Offset in a context's allocation of the pointer to the shared state.
    pub(crate) shared: u64,
    /// Offsets in the allocation of the shared state: of the pointers to the newest and the oldest task, of the list's
    /// id, and of the capacities of the queues.
    newest: u64,
    oldest: u64,
    id: u64,
    queues: Vec<u64>,
}

/// The list of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct List {
    /// Its id: Tokio counts them up in the process.
    pub(crate) id: u64,
    /// The header of the oldest task, which most likely stays; 0 if the set has no tasks.
    pub(crate) oldest: u64,
}

/// A set of the agent.
struct Reference {
    /// Its bytes, as words.
    words: Vec<u64>,
    headers: Vec<u64>,
    list: u64,
    /// Keeps the tasks.
    _set: LocalSet,
    _tasks: Vec<JoinHandle<()>>,
}

impl LocalSetLayout {
    /// Calibrates the layout. Not for a thread that drives a runtime.
    pub(crate) fn calibrate(task: Layout, memory: &mut Reader) -> Result<LocalSetLayout, Unknown> {
        let mut layouts: Vec<LocalSetLayout> = Vec::new();
        // Kept, so that the next round has other memory.
        let mut kept = Vec::new();
        for round in 0..ROUNDS {
            let references: Option<Vec<Reference>> =
                TASKS.iter().map(|tasks| Reference::with(*tasks, memory)).collect();
            let references = references.ok_or(Unknown("a LocalSet of the agent cannot be read"))?;
            let found = all_that_fit(&references, task, memory);
            if round == 0 {
                layouts = found;
            } else {
                layouts.retain(|layout| found.contains(layout));
            }
            kept.push(references);
            match layouts.as_slice() {
                [] => return Err(Unknown("the list of a LocalSet was not found")),
                [only] => return Ok(only.clone()),
                _ => {}
            }
        }
        Err(Unknown("several words lead to the list of a LocalSet"))
    }

    /// The id of a list that is created now: larger than those of all that exist.
    pub(crate) fn fresh_list(memory: &mut Reader) -> Option<u64> {
        Some(Reference::with(1, memory)?.list)
    }

    /// The list of the set whose shared state may be at `shared`; `None` if there is no set, or if it changes at this
    /// moment. `fresh` is larger than the ids of all lists.
    pub(crate) fn list(&self, shared: u64, fresh: u64, memory: &mut Reader) -> Option<List> {
        let words = memory.words(shared, self.words_of_shared())?;
        let word = |offset: u64| words.get(offset as usize / 8).copied();
        let are_references = (1..MAX_COUNT).contains(&word(0)?) && (1..MAX_COUNT).contains(&word(8)?);
        let list = List { id: word(self.id)?, oldest: word(self.oldest)? };
        if !are_references || !(1..fresh).contains(&list.id) {
            return None;
        }
        match (word(self.newest)?, list.oldest) {
            // No task says whose list it is, so the queues must look like those of a set.
            (0, 0) => {
                let is_queue = |offset: &u64| word(*offset).is_some_and(is_queue_capacity);
                (!self.queues.is_empty() && self.queues.iter().all(is_queue)).then_some(list)
            }
            (0, _) | (_, 0) => None,
            (_, oldest) => self.owns(shared, list.id, oldest, memory).then_some(list),
        }
    }

    /// Whether the task at `header` belongs to the set with this shared state, and to its list.
    pub(crate) fn owns(&self, shared: u64, list: u64, header: u64, memory: &mut Reader) -> bool {
        header.is_multiple_of(CELL_ALIGNMENT)
            && memory.word(header.wrapping_add(LIST_ID)) == Some(list)
            && self.shared_of(header, memory) == Some(shared)
    }

    /// The address of the shared state of the set that a task belongs to.
    pub(crate) fn shared_of(&self, header: u64, memory: &mut Reader) -> Option<u64> {
        let vtable = memory.word(header.wrapping_add(VTABLE)).filter(|vtable| *vtable != 0)?;
        let words = memory.words(vtable, self.task.vtable_words())?;
        let (id, _) = self.task.offsets(&words)?;
        memory.word(header.wrapping_add(id).wrapping_sub(8))
    }

    fn words_of_shared(&self) -> usize {
        let last = self.queues.iter().chain([&self.newest, &self.oldest, &self.id]).max();
        last.map_or(0, |last| *last as usize / 8 + 1).max(2)
    }
}

fn is_queue_capacity(capacity: u64) -> bool {
    capacity.is_multiple_of(QUEUE_CAPACITY) && (capacity / QUEUE_CAPACITY).is_power_of_two()
}

/// All layouts that explain these sets.
fn all_that_fit(references: &[Reference], task: Layout, memory: &mut Reader) -> Vec<LocalSetLayout> {
    let contexts = 0..size_of::<LocalSet>() / 8;
    let pointers = contexts.flat_map(|context| (0..CONTEXT_WORDS).map(move |shared| (context, 8 * shared)));
    pointers.filter_map(|(context, shared)| find(references, task, context, shared, memory)).collect()
}

/// The layout with these two pointers, if it explains all sets.
fn find(
    references: &[Reference],
    task: Layout,
    context: usize,
    shared: u64,
    memory: &mut Reader,
) -> Option<LocalSetLayout> {
    let mut read = Vec::new();
    for reference in references {
        let at = memory.word(reference.words[context].wrapping_add(shared))?;
        // The end of the allocation may be the end of its mapping. The value is in no layout.
        let words = (0..SHARED_WORDS).map(|word| memory.word(at.wrapping_add(8 * word)).unwrap_or(u64::MAX));
        read.push((reference, at, words.collect::<Vec<u64>>()));
    }
    let all = |is: fn(&Reference, u64) -> bool| {
        let fits = |word: &usize| read.iter().all(|(reference, _, words)| is(reference, words[*word]));
        (2..SHARED_WORDS as usize).filter(fits).map(|word| 8 * word as u64).collect::<Vec<u64>>()
    };
    let newest = all(|set, word| set.headers.last() == Some(&word));
    let oldest = all(|set, word| set.headers.first() == Some(&word));
    // The head and the tail of the list.
    let pairs = newest.iter().flat_map(|newest| oldest.iter().map(|oldest| (*newest, *oldest)));
    let (newest, oldest) = pairs
        .filter(|(newest, oldest)| newest.abs_diff(*oldest) == 8)
        .min_by_key(|pair| pair.0.max(pair.1))?;
    let mut queues = all(|_, word| word == QUEUE_CAPACITY);
    queues.truncate(QUEUES);
    let id = *all(|set, word| set.list == word).first()?;
    let layout = LocalSetLayout { task, context: 8 * context as u64, shared, newest, oldest, id, queues };
    let mut owns = |(set, at, _): &(&Reference, u64, Vec<u64>)| {
        set.headers.iter().all(|header| layout.owns(*at, set.list, *header, memory))
    };
    read.iter().all(&mut owns).then_some(layout)
}

impl Reference {
    fn with(tasks: usize, memory: &mut Reader) -> Option<Reference> {
        let set = LocalSet::new();
        let words = memory.words(std::ptr::from_ref(&set) as u64, size_of::<LocalSet>() / 8)?;
        let tasks: Vec<JoinHandle<()>> = (0..tasks).map(|_| set.spawn_local(pending())).collect();
        let headers: Option<Vec<u64>> = tasks.iter().map(|task| header_avma(task, memory)).collect();
        let headers = headers?;
        let list = memory.word(headers.first()? + LIST_ID)?;
        Some(Reference { words, headers, list, _set: set, _tasks: tasks })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn calibrated() -> (LocalSetLayout, Reader) {
        let mut memory = Reader::open().unwrap();
        let task = Layout::calibrate(&mut memory).unwrap();
        (LocalSetLayout::calibrate(task, &mut memory).unwrap(), memory)
    }

    fn shared(set: &LocalSet, layout: &LocalSetLayout, memory: &mut Reader) -> u64 {
        let context = memory.word(std::ptr::from_ref(set) as u64 + layout.context).unwrap();
        memory.word(context + layout.shared).unwrap()
    }

    #[test]
    fn every_calibration_finds_the_same_layout() {
        let (first, mut memory) = calibrated();
        assert_eq!(first.queues.len(), 2, "{first:?}");
        let mut kept = Vec::new();
        for round in 0..100 {
            assert_eq!(LocalSetLayout::calibrate(first.task, &mut memory), Ok(first.clone()), "{round}");
            // Other heaps: with gaps of the size of a set, with the pointers of tasks and with ids of lists in them.
            let set = LocalSet::new();
            let tasks: Vec<JoinHandle<()>> = (0..round % 7).map(|_| set.spawn_local(pending())).collect();
            let headers: Vec<u64> = tasks.iter().filter_map(|task| header_avma(task, &mut memory)).collect();
            let ids = vec![round as u64; round % 64];
            kept.push((round % 3 == 0).then_some((set, tasks, headers, ids)));
        }
    }

    #[test]
    fn the_list_of_a_set_is_read_and_no_other_memory_is_taken_for_one() {
        let (layout, mut memory) = calibrated();
        let set = LocalSet::new();
        let fresh = LocalSetLayout::fresh_list(&mut memory).unwrap();
        let at = shared(&set, &layout, &mut memory);
        let empty = layout.list(at, fresh, &mut memory).unwrap();
        assert_eq!((empty.oldest, empty.id < fresh), (0, true));
        let task = set.spawn_local(pending::<()>());
        let header = header_avma(&task, &mut memory).unwrap();
        assert_eq!(layout.list(at, fresh, &mut memory), Some(List { id: empty.id, oldest: header }));
        assert_eq!(layout.list(at, empty.id, &mut memory), None, "created later");
        for other in [0, 8, at - 8, at + 8, header, std::ptr::from_ref(&set) as u64, u64::MAX - 7] {
            assert_eq!(layout.list(other, fresh, &mut memory), None, "{other:#x}");
        }
        // A copy of the bytes is not the set: its tasks say where they belong.
        let copy = memory.words(at, 32).unwrap();
        assert_eq!(layout.list(copy.as_ptr() as u64, fresh, &mut memory), None);
    }
}
