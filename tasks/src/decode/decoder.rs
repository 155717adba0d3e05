//! Decodes the tasks of one answer in rounds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rgops_dwarf::{Budget, Charge, Exhausted};
use rgops_protocol::reply::tasks::{CellBytes, TaskCell, TaskVtable};
use rgops_protocol::request::MemoryRange;

use crate::decode::cell::{FutureType, bytes_of, undecoded};
use crate::decode::content::Content;
use crate::decode::decoding::{Decoding, Step};
use crate::decode::memory::Snapshot;
use crate::model::{AsyncStack, Counts, State, Task};
use crate::types::TypeSource;

/// Maximum bytes of all tasks together.
pub(super) const MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// Memory of a range besides its bytes, while it is requested.
const REQUESTED_BYTES: u64 = 96;

/// Decodes the tasks of one answer.
pub struct Decoder<'s> {
    pub(super) budget: Budget,
    pub(super) exhausted: Option<Exhausted>,
    pub(super) source: &'s dyn TypeSource,
    pub(super) content: Content,
    pub(super) vtables: Vec<TaskVtable>,
    pub(super) vtable_places: HashMap<u64, usize>,
    pub(super) headers: HashSet<u64>,
    /// For each poll function the position of the future in a cell; `None` where it is unknown.
    pub(super) futures: HashMap<u32, Option<FutureType>>,
    pub(super) tasks: Vec<Decoding>,
    pub(super) rounds: usize,
    pub(super) requested_bytes: u64,
    pub(super) requested: Vec<(usize, MemoryRange)>,
    /// Charge of the requested ranges.
    request_charge: Charge,
    pub(super) phase: Phase,
}

/// The current kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The memory that the walks lack.
    Walk,
    /// All memory that the walks used, to compare it.
    Check,
    /// The cells of tasks that moved.
    Retry,
}

impl<'s> Decoder<'s> {
    /// Starts with the listed tasks. When the budget is exhausted, no further stack is decoded.
    ///
    /// The bytes of cells, and those that [`Decoder::provide`] takes, are charged as long as they are kept.
    pub fn new(
        budget: &Budget,
        source: &'s dyn TypeSource,
        vtables: Vec<TaskVtable>,
        cells: Vec<TaskCell>,
    ) -> Decoder<'s> {
        let headers = cells.iter().map(|cell| cell.header_avma).collect();
        let places = vtables.iter().enumerate().map(|(place, vtable)| (vtable.avma, place)).collect();
        let mut decoder = Decoder {
            budget: budget.clone(),
            exhausted: None,
            source,
            content: Content::new(budget),
            vtables,
            vtable_places: places,
            headers,
            futures: HashMap::new(),
            tasks: Vec::with_capacity(cells.len()),
            rounds: 0,
            requested_bytes: 0,
            requested: Vec::new(),
            request_charge: Charge::none(budget),
            phase: Phase::Walk,
        };
        let charged = Charge::new(budget, cells.iter().map(bytes_of).sum());
        decoder.exhausted = charged.as_ref().err().copied();
        let mut charge = charged.ok();
        for mut cell in cells {
            let own = match &mut charge {
                Some(charge) => charge.split(bytes_of(&cell)),
                // No memory is left for its bytes.
                None => {
                    if let CellBytes::Read(bytes) = &mut cell.bytes {
                        *bytes = Vec::new();
                    }
                    Charge::none(budget)
                }
            };
            let decoding = decoder.begin(cell, own);
            decoder.tasks.push(decoding);
        }
        decoder
    }

    /// Starts to decode a cell. `charge` covers its bytes, and is released if they are not kept.
    pub(super) fn begin(&mut self, cell: TaskCell, charge: Charge) -> Decoding {
        self.content.begin_walk();
        let future = self.future_type(cell.vtable);
        let poll = self.vtables.get(cell.vtable as usize).map(|vtable| vtable.poll_avma);
        let name = poll.and_then(|poll| self.content.name_of_task(self.source, poll));
        if self.exhausted.is_none() {
            self.exhausted = self.content.exhausted();
        }
        let mut task = undecoded(&cell, name);
        task.poll_avma = poll.unwrap_or(0);
        let unknown = |why: &str| AsyncStack::Unknown(Arc::from(why));
        let (mut snapshot, mut snapshot_charge) = (Snapshot::default(), Charge::none(&self.budget));
        let mut step = Step::Done;
        if matches!(task.state, State::Idle | State::Scheduled) {
            match cell.bytes {
                CellBytes::Read(bytes) if future.is_some() => {
                    snapshot = Snapshot::new(cell.header_avma, bytes);
                    snapshot_charge = charge;
                    step = Step::Walk;
                }
                CellBytes::Read(_) => {
                    task.stack = unknown("the debug information does not describe its future");
                }
                CellBytes::NotRead => task.stack = unknown("its memory was not read"),
                CellBytes::Moved => {
                    task.stack = AsyncStack::Moved;
                    step = if future.is_some() { Step::Retry } else { Step::Done };
                }
                CellBytes::Unreadable => task.stack = unknown("its memory cannot be read"),
            }
        }
        let (vtable, stack_charge) = (cell.vtable, Charge::none(&self.budget));
        Decoding { task, vtable, snapshot, snapshot_charge, stack_charge, step, retries: 0, block_on: None }
    }

    /// The type of the future, from the poll function of a vtable.
    fn future_type(&mut self, vtable: u32) -> Option<FutureType> {
        if let Some(known) = self.futures.get(&vtable) {
            return *known;
        }
        let found = self.vtables.get(vtable as usize).and_then(|vtable| {
            let id = self.content.polled(self.source, vtable.poll_avma)?;
            let found = self.content.get(self.source, id)?;
            let (size, alignment) = (found.size, found.alignment);
            let (id_offset, trailer_offset) = (u64::from(vtable.id_offset), u64::from(vtable.trailer_offset));
            Some(FutureType { id, size, alignment, id_offset, trailer_offset })
        });
        self.futures.insert(vtable, found);
        found
    }

    /// The ranges to read next; empty when decoding is complete. Pass the bytes to [`Decoder::provide`].
    pub fn needs(&mut self) -> Vec<MemoryRange> {
        self.forget_requests();
        let needed = self.next_requests();
        if let Err(exhausted) = needed {
            self.exhausted.get_or_insert(exhausted);
        }
        if self.exhausted.is_some() {
            self.forget_requests();
        }
        self.requested_bytes += self.requested.iter().map(|(_, range)| u64::from(range.length)).sum::<u64>();
        self.requested.iter().map(|(_, range)| *range).collect()
    }

    fn next_requests(&mut self) -> Result<(), Exhausted> {
        self.exhausted.map_or(Ok(()), Err)?;
        self.budget.check_time()?;
        if self.phase == Phase::Retry {
            self.request_cells()?;
        }
        if self.phase == Phase::Walk {
            self.walk_all()?;
            self.rounds += 1;
            if self.requested.is_empty() {
                self.phase = Phase::Check;
            }
        }
        if self.phase == Phase::Check {
            for number in 0..self.tasks.len() {
                let decoding = &self.tasks[number];
                if decoding.step == Step::Check {
                    let used = decoding.snapshot.used(decoding.changing_bytes());
                    let used: Vec<_> = used.map(|(range, _)| range).collect();
                    self.request(number, &used)?;
                }
            }
            if self.requested.is_empty() {
                self.request_cells()?;
            }
        }
        Ok(())
    }

    /// Adds requests for the ranges that a task needs.
    pub(super) fn request(&mut self, number: usize, ranges: &[MemoryRange]) -> Result<(), Exhausted> {
        self.request_charge.grow(REQUESTED_BYTES * ranges.len() as u64)?;
        self.requested.extend(ranges.iter().map(|range| (number, *range)));
        Ok(())
    }

    fn forget_requests(&mut self) {
        self.requested.clear();
        self.request_charge.shrink_to(0);
    }

    /// Takes the bytes of the ranges returned by [`Decoder::needs`], in their order; `None` for ranges that
    /// cannot be read. Missing elements at the end count as `None`.
    pub fn provide(&mut self, bytes: impl IntoIterator<Item = Option<Vec<u8>>>) {
        let bytes = bytes.into_iter();
        let requested = std::mem::take(&mut self.requested);
        let taken = match self.phase {
            Phase::Walk => self.take_answers(&requested, bytes),
            Phase::Retry => self.restart(&requested, bytes),
            Phase::Check => {
                self.compare(bytes);
                Ok(())
            }
        };
        if let Err(exhausted) = taken {
            self.exhausted.get_or_insert(exhausted);
        }
    }

    /// Takes the memory that the walks lacked.
    fn take_answers(
        &mut self,
        requested: &[(usize, MemoryRange)],
        mut bytes: impl Iterator<Item = Option<Vec<u8>>>,
    ) -> Result<(), Exhausted> {
        for (number, range) in requested.iter().copied() {
            let decoding = &mut self.tasks[number];
            let bytes = bytes.next().flatten();
            let length = bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
            let charge = Charge::new(&self.budget, length)?;
            if decoding.snapshot.answer(range, bytes) {
                decoding.snapshot_charge.absorb(charge);
            }
        }
        Ok(())
    }

    /// Compares the memory that the walks used with the same ranges now. Both are in the same order.
    fn compare(&mut self, mut bytes: impl Iterator<Item = Option<Vec<u8>>>) {
        for decoding in &mut self.tasks {
            if decoding.step != Step::Check {
                continue;
            }
            let mut is_same = true;
            for (_, used) in decoding.snapshot.used(decoding.changing_bytes()) {
                is_same &= bytes.next().flatten().is_some_and(|now| now == used);
            }
            decoding.step = Step::Done;
            if !is_same {
                decoding.lose_stack(AsyncStack::Moved);
                decoding.step = Step::Retry;
            }
            decoding.forget_snapshot();
        }
        self.phase = Phase::Retry;
    }

    /// The limit that was reached; `None` while decoding continues.
    pub fn exhausted(&self) -> Option<Exhausted> {
        self.exhausted
    }

    /// Number of tasks that are done, and of all tasks.
    pub fn progress(&self) -> (u64, u64) {
        let done = self.tasks.iter().filter(|decoding| decoding.step != Step::Walk).count();
        (done as u64, self.tasks.len() as u64)
    }

    /// The tasks and their counts. A range that was never provided cuts a stack; a task that was never
    /// compared counts as moved.
    pub fn finish(mut self) -> (Vec<Task>, Counts) {
        let undecoded: Arc<str> = match self.exhausted {
            Some(exhausted) => format!("not decoded: {exhausted}").into(),
            None => "not decoded".into(),
        };
        self.forget_requests();
        for decoding in &mut self.tasks {
            decoding.forget_snapshot();
            let stack = match decoding.step {
                Step::Walk => AsyncStack::Unknown(undecoded.clone()),
                Step::Check | Step::Retry => AsyncStack::Moved,
                Step::Done => continue,
            };
            decoding.lose_stack(stack);
        }
        let kept = self.tasks.into_iter().map(|decoding| {
            // Stays charged until the command ends.
            decoding.stack_charge.leave();
            decoding.task
        });
        let tasks: Vec<Task> = kept.collect();
        let mut counts = Counts { listed: tasks.len() as u64, ..Counts::default() };
        for task in &tasks {
            match task.stack {
                AsyncStack::Decoded(_) => counts.decoded += 1,
                AsyncStack::Cut(..) => counts.cut += 1,
                AsyncStack::Running => counts.running += 1,
                AsyncStack::Complete => counts.complete += 1,
                AsyncStack::Moved => counts.moved += 1,
                AsyncStack::Unknown(_) => counts.unknown += 1,
            }
        }
        (tasks, counts)
    }
}
