//! Which tasks do not move while they are watched: a task that is polled changes its own bytes, or those of the socket,
//! channel or lock that it waits for.
//!
//! Tokio does not count the polls of a task. So a task counts as unmoved only if at each look it waits, and neither a byte
//! of its future changed nor one of what that points to. Others may have moved or not: that is not known.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rgops_protocol::reply::tasks::{TaskCell, TaskVtable};
use rgops_protocol::request::{MAX_RANGE_BYTES, MemoryRange};
use rgops_tasks::model::{State, Tasks};

use crate::client::ClientError;
use crate::tasks::memory::Memory;

/// How often the tasks are looked at, with equal times in between.
const LOOKS: u32 = 6;
/// Maximum tasks that are watched, and of what they point to: places of each task, and bytes of all.
const MAX_TASKS: usize = 1000;
const PLACES_OF_TASK: usize = 16;
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// What is read behind a pointer: a channel has its positions in the second and third cache line pair.
const PLACE_BYTES: u32 = 512;
/// Running, complete, notified (`tokio/src/runtime/task/state.rs`).
const IS_POLLED: u64 = 1 | 2 | 4;
/// The header of a task ends here (`tokio/src/runtime/task/core.rs`); the scheduler follows, then the id.
const HEADER_BYTES: usize = 32;
/// Addresses of a program.
const ADDRESSES: std::ops::Range<u64> = 0x1_0000..1 << 47;

/// What was found out about the tasks, by the addresses of their headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    /// From the first look to the last, in nanoseconds.
    pub for_ns: u64,
    /// Tasks that did not move.
    pub unmoved: HashSet<u64>,
    /// Tasks that wait and were not watched because there are too many.
    pub left_out: usize,
}

/// Where the future of each task is, by header: the offset of the id before it, and the end.
pub(super) type Places = HashMap<u64, (u32, u32)>;

/// The places of the futures in the cells.
pub(super) fn places(vtables: &[TaskVtable], cells: &[TaskCell]) -> Places {
    let place = |cell: &TaskCell| {
        let vtable = vtables.get(cell.vtable as usize)?;
        let end = vtable.trailer_offset.min(MAX_RANGE_BYTES);
        (vtable.id_offset < end).then_some((cell.header_avma, (vtable.id_offset, end)))
    };
    cells.iter().filter_map(place).collect()
}

/// Looks at the tasks that wait for about this time; `on_look` is called before each further look.
pub(super) fn watch(
    tasks: &Tasks,
    places: &Places,
    memory: &mut Memory<'_>,
    time: Duration,
    on_look: &mut dyn FnMut(),
) -> Result<Watched, ClientError> {
    let waiting = tasks.tasks.iter().filter(|task| task.state == State::Idle);
    let mut headers: Vec<u64> =
        waiting.map(|task| task.header_avma).filter(|header| places.contains_key(header)).collect();
    let left_out = headers.len().saturating_sub(MAX_TASKS);
    headers.truncate(MAX_TASKS);
    let cells: Vec<MemoryRange> =
        headers.iter().map(|header| MemoryRange { avma: *header, length: places[header].1 }).collect();
    let began = Instant::now();
    let first = memory.read(&cells)?;
    // The end of another task wakes the one that waits for it. The scheduler is what all tasks share, and changes.
    let mut known: HashSet<u64> = tasks.tasks.iter().map(|task| task.header_avma).collect();
    for (header, cell) in headers.iter().zip(&first) {
        let scheduler = cell.as_deref().and_then(|cell| cell.get(HEADER_BYTES..places[header].0 as usize));
        known.extend(scheduler.into_iter().flat_map(words));
    }
    let futures = headers.iter().zip(&first).map(|(header, cell)| {
        cell.as_deref().and_then(|cell| cell.get(places[header].0 as usize..)).unwrap_or_default()
    });
    let pointers: Vec<Vec<u64>> = futures.map(|future| pointers(future, &known)).collect();
    let behind: Vec<u64> = distinct(&pointers);
    let ranges: Vec<MemoryRange> =
        behind.iter().map(|avma| MemoryRange { avma: *avma, length: PLACE_BYTES }).collect();
    let first_behind = memory.read(&ranges)?;
    let mut changed: HashSet<u64> = HashSet::new();
    let mut moved = vec![false; headers.len()];
    for _ in 1..LOOKS {
        on_look();
        sleep(time / (LOOKS - 1));
        let (now, now_behind) = (memory.read(&cells)?, memory.read(&ranges)?);
        let differs = behind.iter().zip(first_behind.iter().zip(&now_behind)).filter(|(_, (a, b))| a != b);
        changed.extend(differs.map(|(avma, _)| *avma));
        for (at, header) in headers.iter().enumerate() {
            let from = places[header].0 as usize;
            moved[at] |= !is_same(first[at].as_deref(), now[at].as_deref(), from);
        }
    }
    let is_still = |pointer: &u64| !changed.contains(pointer) && behind.binary_search(pointer).is_ok();
    let still = headers.iter().zip(pointers).zip(&moved);
    let still = still.filter(|((_, pointers), moved)| !**moved && pointers.iter().all(is_still));
    let unmoved = still.map(|((header, _), _)| *header).collect();
    let for_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Ok(Watched { for_ns, unmoved, left_out })
}

/// Whether a task waits at both looks, with the same bytes from its id on.
fn is_same(first: Option<&[u8]>, now: Option<&[u8]>, from: usize) -> bool {
    let (Some(first), Some(now)) = (first, now) else { return false };
    let waits =
        |cell: &[u8]| cell.first_chunk().is_some_and(|word| u64::from_le_bytes(*word) & IS_POLLED == 0);
    waits(first) && waits(now) && first.get(from..).is_some_and(|bytes| now.get(from..) == Some(bytes))
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word))
}

/// What may be addresses in a future, each once, without those in `known`.
fn pointers(future: &[u8], known: &HashSet<u64>) -> Vec<u64> {
    let is_address = |word: &u64| ADDRESSES.contains(word) && word.is_multiple_of(4) && !known.contains(word);
    let found: BTreeSet<u64> = words(future).filter(is_address).collect();
    found.into_iter().take(PLACES_OF_TASK).collect()
}

/// The addresses of all tasks in ascending order, as far as their bytes are within the limit.
fn distinct(pointers: &[Vec<u64>]) -> Vec<u64> {
    let all: BTreeSet<u64> = pointers.iter().flatten().copied().collect();
    all.into_iter().take((MAX_BYTES / u64::from(PLACE_BYTES)) as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_changed_or_is_woken_is_not_the_same() {
        let cell = |state: u8, byte: u8| {
            let mut cell = vec![0; 32];
            (cell[0], cell[24]) = (state, byte);
            cell
        };
        assert!(is_same(Some(&cell(0x80, 1)), Some(&cell(0xc0, 1)), 16), "another reference");
        assert!(!is_same(Some(&cell(0x80, 1)), Some(&cell(0x80, 2)), 16));
        assert!(!is_same(Some(&cell(0x80, 1)), Some(&cell(0x84, 1)), 16));
        assert!(!is_same(Some(&cell(0x80, 1)), None, 16));
    }

    #[test]
    fn only_what_may_be_an_address_is_followed() {
        let words = [7_u64, 0x7f00_1000, 0x7f00_1001, 0x7f00_1000, 0x5500_0000, u64::MAX];
        let future: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(pointers(&future, &[0x5500_0000].into()), [0x7f00_1000]);
    }
}
