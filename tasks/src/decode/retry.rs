//! Reads tasks that moved during reading again, starting with their cells.
//!
//! The cell is read once, like all other memory: the comparison at the end includes it.

use std::iter::repeat;

use rgops_dwarf::{Charge, Exhausted};
use rgops_protocol::reply::tasks::{CellBytes, TaskCell};
use rgops_protocol::request::{MAX_RANGE_BYTES, MemoryRange};

use crate::decode::decoder::{self, Decoder, Phase};
use crate::decode::decoding::{Decoding, Step};
use crate::model::AsyncStack;

/// Maximum times that a task is read again. For a task that is polled every 2 ms most attempts fall between
/// two polls: a round takes about 200 µs, and there is one round for each box in a box.
const MAX_RETRIES: u32 = 8;

/// Maximum tasks and bytes read again: if more tasks move, they will move again.
const MAX_TASKS: usize = 20_000;
const MAX_BYTES: u64 = decoder::MAX_BYTES / 2;

/// Offset of the vtable in a task's header (`tokio/src/runtime/task/core.rs`, `Header`).
const VTABLE: usize = 16;

impl Decoder<'_> {
    /// Requests the cells of tasks that moved and may be retried. Without such tasks, decoding is complete.
    pub(super) fn request_cells(&mut self) -> Result<(), Exhausted> {
        self.phase = Phase::Retry;
        for number in 0..self.tasks.len() {
            let decoding = &mut self.tasks[number];
            if decoding.step != Step::Retry {
                continue;
            }
            let vtable = self.vtables.get(decoding.vtable as usize).filter(|_| decoding.block_on.is_none());
            let trailer = vtable.map(|vtable| vtable.trailer_offset);
            match trailer {
                Some(length)
                    if decoding.retries < MAX_RETRIES
                        && self.requested.len() < MAX_TASKS
                        && self.requested_bytes < MAX_BYTES =>
                {
                    decoding.retries += 1;
                    let range = MemoryRange {
                        avma: decoding.task.header_avma,
                        length: length.clamp(1, MAX_RANGE_BYTES),
                    };
                    self.request(number, &[range])?;
                }
                _ => decoding.step = Step::Done,
            }
        }
        Ok(())
    }

    /// Takes the cells. A task whose cell no longer belongs to it stays moved: it has ended.
    pub(super) fn restart(
        &mut self,
        requested: &[(usize, MemoryRange)],
        bytes: impl Iterator<Item = Option<Vec<u8>>>,
    ) -> Result<(), Exhausted> {
        // All at once, because later charges may be for debug information.
        let cells: Vec<_> = bytes.take(requested.len()).collect();
        let bytes = cells.iter().flatten().map(|bytes| bytes.len() as u64);
        let mut charge = Charge::new(&self.budget, bytes.sum())?;
        for ((number, _), bytes) in requested.iter().copied().zip(cells.into_iter().chain(repeat(None))) {
            let own = charge.split(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64));
            match bytes.and_then(|bytes| self.cell(number, bytes)) {
                Some(cell) => {
                    let retries = self.tasks[number].retries;
                    self.tasks[number] = Decoding { retries, ..self.begin(cell, own) };
                }
                None => {
                    self.tasks[number].task.stack = AsyncStack::Moved;
                    self.tasks[number].step = Step::Done;
                }
            }
        }
        self.rounds = 0;
        self.phase = Phase::Walk;
        Ok(())
    }

    /// The cell of a task, if these bytes belong to one.
    fn cell(&self, number: usize, bytes: Vec<u8>) -> Option<TaskCell> {
        let decoding = &self.tasks[number];
        let vtable = self.vtables.get(decoding.vtable as usize)?;
        let word = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let is_it = word(VTABLE)? == vtable.avma && word(vtable.id_offset as usize)? == decoding.task.id;
        let state = word(0)?;
        is_it.then_some(TaskCell {
            runtime: decoding.task.runtime as u32,
            id: decoding.task.id,
            header_avma: decoding.task.header_avma,
            vtable: decoding.vtable,
            state,
            bytes: CellBytes::Read(bytes),
        })
    }
}
