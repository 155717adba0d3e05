//! Confirms a deadlock: its tasks must stay as they are for a moment.
//!
//! The list is of one moment. A lock may then have been held by a task that was running, or by a thread, whose guards
//! cannot be seen; and a guard that was dropped early leaves its bytes in its function. A program under load goes on
//! within milliseconds; a deadlock stays.

use std::collections::HashMap;
use std::thread::sleep;
use std::time::Duration;

use rgops_protocol::reply::tasks::{TaskCell, TaskVtable};
use rgops_protocol::request::{MAX_RANGE_BYTES, MemoryRange};
use rgops_tasks::graph::WaitGraph;
use rgops_tasks::model::Tasks;

use crate::client::ClientError;
use crate::tasks::memory::Memory;

/// How often the tasks are looked at, and the time between two looks.
const LOOKS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(25);

/// Maximum tasks that are looked at.
const MAX_TASKS: usize = 256;

/// Running, complete, notified (`tokio/src/runtime/task/state.rs`).
const IS_POLLED: u64 = 1 | 2 | 4;

/// The state word and the link of run queues, which also change without a poll.
const CHANGING_BYTES: usize = 16;

/// The lengths of the cells, by header.
pub(super) fn lengths(vtables: &[TaskVtable], cells: &[TaskCell]) -> HashMap<u64, u32> {
    let length = |cell: &TaskCell| {
        let vtable = vtables.get(cell.vtable as usize)?;
        Some((cell.header_avma, vtable.trailer_offset.clamp(CHANGING_BYTES as u32, MAX_RANGE_BYTES)))
    };
    cells.iter().filter_map(length).collect()
}

/// Marks the tasks of deadlocks that go on after all.
pub(super) fn confirm(
    tasks: &mut Tasks,
    lengths: &HashMap<u64, u32>,
    memory: &mut Memory<'_>,
) -> Result<(), ClientError> {
    let graph = WaitGraph::new(tasks);
    let rings = graph.deadlocks.iter();
    let in_rings =
        rings.flat_map(|deadlock| deadlock.ring.iter().map(|(task, _)| task).chain(&deadlock.also));
    let mut looked: Vec<usize> = in_rings.copied().collect();
    looked.truncate(MAX_TASKS);
    let range = |task: &usize| {
        let avma = tasks.tasks[*task].header_avma;
        Some((*task, MemoryRange { avma, length: *lengths.get(&avma)? }))
    };
    let (looked, ranges): (Vec<usize>, Vec<MemoryRange>) = looked.iter().filter_map(range).unzip();
    if ranges.is_empty() {
        return Ok(());
    }
    let first = memory.read(&ranges)?;
    for _ in 1..LOOKS {
        sleep(PAUSE);
        let now = memory.read(&ranges)?;
        for ((task, first), now) in looked.iter().zip(&first).zip(&now) {
            if !is_same(first.as_deref(), now.as_deref()) {
                tasks.tasks[*task].goes_on = true;
            }
        }
    }
    Ok(())
}

fn is_same(first: Option<&[u8]>, now: Option<&[u8]>) -> bool {
    let (Some(first), Some(now)) = (first, now) else { return false };
    let waits =
        |cell: &[u8]| cell.first_chunk().is_some_and(|word| u64::from_le_bytes(*word) & IS_POLLED == 0);
    waits(first) && waits(now) && first.get(CHANGING_BYTES..) == now.get(CHANGING_BYTES..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_was_polled_is_not_the_same() {
        let cell = |state: u8, byte: u8| {
            let mut cell = vec![0; 32];
            (cell[0], cell[8], cell[20]) = (state, byte, byte);
            cell
        };
        assert!(is_same(Some(&cell(0x80, 1)), Some(&cell(0xc0, 1))), "another reference");
        assert!(!is_same(Some(&cell(0x80, 1)), Some(&cell(0x80, 2))));
        assert!(!is_same(Some(&cell(0x80, 1)), Some(&cell(0x84, 1))), "notified");
        assert!(!is_same(Some(&cell(0x80, 1)), None), "gone");
    }
}
