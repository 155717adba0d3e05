//! Reads the bytes of tasks' cells: header, scheduler, id and future.
//!
//! Each cell is copied twice, a few microseconds apart, and is used only if both copies are equal. So a task that
//! was polled meanwhile is reported as moved and not decoded wrongly. The first two words of the header may differ:
//! they change when a task is woken or its handle is cloned, which does not change the future.

use rgops_capture::memory::{Range, Reader};
use rgops_protocol::reply::tasks::CellBytes;

use super::found::Found;
use super::state::{COMPLETE, RUNNING};
use super::vtables::Vtable;
use crate::runtimes::layout::VTABLE;

/// Maximum bytes of one cell. Tokio boxes futures of more than 16 KiB (`BOX_FUTURE_THRESHOLD` in `runtime/mod.rs`),
/// so only cells with an unusual alignment are larger.
pub(crate) const MAX_BYTES: u64 = 64 * 1024;

/// Bytes copied at once. With the largest cell this stays below 128 KiB. At that size glibc would map and unmap our
/// buffers, which changes how it treats the program's own (mallopt(3), `M_MMAP_THRESHOLD`).
pub(crate) const BYTES_AT_ONCE: u64 = 48 * 1024;

/// A task whose bytes are requested.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) found: Found,
    pub(crate) vtable: Vtable,
}

impl Wanted {
    /// Bytes to copy if at most `most` are requested: always at least up to the id, which identifies the task.
    pub(crate) fn length(&self, most: u64) -> u64 {
        self.vtable.trailer.min(most.clamp(self.vtable.id + 8, MAX_BYTES.max(self.vtable.id + 8)))
    }
}

/// Copies cells; reuses its buffers from one batch to the next.
#[derive(Debug)]
pub(crate) struct Cells {
    memory: Reader,
    ranges: Vec<Range>,
    first: Vec<u8>,
    second: Vec<u8>,
    first_readable: Vec<bool>,
    second_readable: Vec<bool>,
}

impl Cells {
    pub(crate) fn new(memory: Reader) -> Cells {
        let (first, second) = (Vec::new(), Vec::new());
        let (first_readable, second_readable) = (Vec::new(), Vec::new());
        Cells { memory, ranges: Vec::new(), first, second, first_readable, second_readable }
    }

    /// Reads the state and the bytes of each task, at most `most` bytes each.
    pub(crate) fn read(&mut self, tasks: &[Wanted], most: u64) -> Vec<(u64, CellBytes)> {
        self.ranges.clear();
        let range = |task: &Wanted| Range::new(task.found.header, task.length(most) as usize);
        self.ranges.extend(tasks.iter().map(range));
        self.memory.gather(&self.ranges, &mut self.first, &mut self.first_readable);
        self.memory.gather(&self.ranges, &mut self.second, &mut self.second_readable);
        let mut place = 0;
        let mut cells = Vec::with_capacity(tasks.len());
        for (at, task) in tasks.iter().enumerate() {
            let length = self.ranges[at].length;
            let (first, second) = (&self.first[place..][..length], &self.second[place..][..length]);
            place += length;
            let readable = self.first_readable[at] && self.second_readable[at];
            cells.push(match readable {
                true => compare(task, first, second),
                false => (task.found.state, CellBytes::Unreadable),
            });
        }
        cells
    }
}

fn compare(task: &Wanted, first: &[u8], second: &[u8]) -> (u64, CellBytes) {
    let word = |bytes: &[u8], at: u64| {
        let bytes = bytes.get(at as usize..).and_then(|bytes| bytes.first_chunk());
        bytes.map(|bytes| u64::from_ne_bytes(*bytes))
    };
    let is_same_task = |bytes| {
        word(bytes, VTABLE) == Some(task.vtable.avma) && word(bytes, task.vtable.id) == Some(task.found.id)
    };
    if !is_same_task(first) || !is_same_task(second) {
        return (task.found.state, CellBytes::Moved);
    }
    let states = [word(first, 0).unwrap_or(0), word(second, 0).unwrap_or(0)];
    if let Some(state) = states.into_iter().find(|state| state & (RUNNING | COMPLETE) != 0) {
        return (state, CellBytes::NotRead);
    }
    let [_, state] = states;
    match first[VTABLE as usize..] == second[VTABLE as usize..] {
        true => (state, CellBytes::Read(first.to_vec())),
        false => (state, CellBytes::Moved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST_VTABLE: Vtable = Vtable { avma: 0x1000, poll: 0x2000, id: 40, trailer: 64 };

    fn cell(state: u64, id: u64, future: u64) -> Vec<u8> {
        [state, 0, 0x1000, 1, 0x3000, id, future, 0].into_iter().flat_map(u64::to_ne_bytes).collect()
    }

    fn task(header: u64) -> Wanted {
        let found = Found { header, id: 7, state: 0xcc, vtable: 0 };
        Wanted { found, vtable: TEST_VTABLE }
    }

    #[test]
    fn two_copies_must_be_equal_except_for_the_state() {
        let before = cell(0x84, 7, 1);
        let same = compare(&task(0), &before, &cell(0xcc, 7, 1));
        assert_eq!(same, (0xcc, CellBytes::Read(before.clone())), "woken up meanwhile");
        assert_eq!(compare(&task(0), &before, &cell(0x84, 7, 2)), (0x84, CellBytes::Moved));
        assert_eq!(
            compare(&task(0), &cell(0x84, 8, 1), &cell(0x84, 8, 1)),
            (0xcc, CellBytes::Moved),
            "another"
        );
        assert_eq!(compare(&task(0), &before, &cell(0x84, 8, 1)).1, CellBytes::Moved);
        assert_eq!(compare(&task(0), &before, &cell(0x85, 7, 1)), (0x85, CellBytes::NotRead), "polled");
        assert_eq!(compare(&task(0), &cell(0x46, 7, 1), &before), (0x46, CellBytes::NotRead), "ended");
        assert_eq!(compare(&task(0), &before[..44], &before[..44]).1, CellBytes::Moved, "too short");
    }

    #[test]
    fn the_bytes_in_memory_are_read_up_to_the_requested_length() -> Result<(), String> {
        let in_memory = cell(0x84, 7, 9);
        let mut cells = Cells::new(Reader::open().map_err(|error| error.reason)?);
        let tasks = [task(in_memory.as_ptr() as u64), task(8), task(in_memory.as_ptr() as u64)];
        let read = cells.read(&tasks, 1 << 20);
        assert_eq!(read[0], (0x84, CellBytes::Read(in_memory.clone())));
        assert_eq!(read[1], (0xcc, CellBytes::Unreadable));
        assert_eq!(read[2], read[0]);
        let short = cells.read(&tasks[..1], 56);
        assert_eq!(short[0].1, CellBytes::Read(in_memory[..56].to_vec()));
        // The bytes always include the id.
        assert_eq!(cells.read(&tasks[..1], 1)[0].1, CellBytes::Read(in_memory[..48].to_vec()));
        Ok(())
    }
}
