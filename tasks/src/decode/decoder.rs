//! Decodes the tasks of one answer in rounds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rgops_dwarf::{Budget, Charge, Exhausted};
use rgops_protocol::reply::tasks::{CellBytes, TaskCell, TaskVtable};
use rgops_protocol::request::MemoryRange;

use crate::decode::cell::{CHANGING_BYTES, FutureType, bytes_of, has_ended, place_of, undecoded};
use crate::decode::content::Content;
use crate::decode::decoding::{Decoding, Step};
use crate::decode::memory::Snapshot;
use crate::decode::walk::{TOO_MUCH, Walk};
use crate::model::{AsyncStack, Counts, Node, NodeKind, Resource, State, Task, TypeName};
use crate::types::TypeSource;

/// Maximum rounds in which a task may request memory: one for each box in a box.
const MOST_ROUNDS: usize = 48;
/// Maximum bytes of all tasks together.
pub(super) const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// Memory in bytes of a future of a stack, until it is shown.
pub(super) const NODE_BYTES: u64 = 512;

/// Memory of a range besides its bytes: while it is requested, and while it is kept.
const ASKED_BYTES: u64 = 96;
const RANGE_BYTES: u64 = 96;

/// Why a stack is incomplete, when a limit of the command was reached.
pub(super) const NO_TIME: &str = "the time limit was reached during decoding";
const NO_MEMORY: &str = "the memory limit was reached during decoding";

/// Decodes the tasks of one answer.
pub struct Decoder<'s> {
    pub(super) budget: Budget,
    exhausted: Option<Exhausted>,
    source: &'s dyn TypeSource,
    content: Content,
    pub(super) vtables: Vec<TaskVtable>,
    vtable_places: HashMap<u64, usize>,
    headers: HashSet<u64>,
    /// For each poll function the position of the future in a cell; `None` where it is unknown.
    futures: HashMap<u32, Option<FutureType>>,
    pub(super) tasks: Vec<Decoding>,
    pub(super) rounds: usize,
    pub(super) asked_bytes: u64,
    pub(super) asked: Vec<(usize, MemoryRange)>,
    /// Charge of the requested ranges.
    asked_charge: Charge,
    pub(super) phase: Phase,
}

/// The current kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Memory that the walks lack.
    Walk,
    /// All memory that they used, for comparison.
    Check,
    /// The cells of tasks that moved.
    Again,
}

impl<'s> Decoder<'s> {
    /// Begins with the list. When the budget is exhausted no further stack is decoded.
    ///
    /// Charges the bytes of cells, and those that [`Decoder::provide`] takes, as long as they are kept.
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
            asked_bytes: 0,
            asked: Vec::new(),
            asked_charge: Charge::none(budget),
            phase: Phase::Walk,
        };
        let charged = Charge::new(budget, cells.iter().map(bytes_of).sum());
        decoder.exhausted = charged.as_ref().err().copied();
        let mut charge = charged.ok();
        for mut cell in cells {
            let own = match &mut charge {
                Some(charge) => charge.split(bytes_of(&cell)),
                // There is no memory left for it.
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

    /// Begins with a cell whose bytes are charged; releases the charge of bytes that are not kept.
    pub(super) fn begin(&mut self, cell: TaskCell, charge: Charge) -> Decoding {
        self.content.begin_walk();
        let future = self.future_type(cell.vtable);
        let poll = self.vtables.get(cell.vtable as usize).map(|vtable| vtable.poll_avma);
        let described = future.and_then(|future| self.content.future_name(self.source, future.id));
        let name = described.or_else(|| self.content.name_of_poll(self.source, poll?));
        if self.exhausted.is_none() {
            self.exhausted = self.content.exhausted();
        }
        let mut task = undecoded(&cell, name);
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
                    step = if future.is_some() { Step::Again } else { Step::Done };
                }
                CellBytes::Unreadable => task.stack = unknown("its memory cannot be read"),
            }
        }
        let (vtable, stack_charge) = (cell.vtable, Charge::none(&self.budget));
        Decoding { task, vtable, snapshot, snapshot_charge, stack_charge, step, retries: 0 }
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
        self.forget_asked();
        let needed = self.ask();
        if let Err(exhausted) = needed {
            self.exhausted.get_or_insert(exhausted);
        }
        if self.exhausted.is_some() {
            self.forget_asked();
        }
        self.asked_bytes += self.asked.iter().map(|(_, range)| u64::from(range.length)).sum::<u64>();
        self.asked.iter().map(|(_, range)| *range).collect()
    }

    fn ask(&mut self) -> Result<(), Exhausted> {
        self.exhausted.map_or(Ok(()), Err)?;
        self.budget.check_time()?;
        if self.phase == Phase::Again {
            self.ask_again()?;
        }
        if self.phase == Phase::Walk {
            self.walk_all()?;
            self.rounds += 1;
            if self.asked.is_empty() {
                self.phase = Phase::Check;
            }
        }
        if self.phase == Phase::Check {
            for number in 0..self.tasks.len() {
                let decoding = &self.tasks[number];
                if decoding.step == Step::Check {
                    let used: Vec<_> =
                        decoding.snapshot.used(CHANGING_BYTES).map(|(range, _)| range).collect();
                    self.ask_for(number, &used)?;
                }
            }
            if self.asked.is_empty() {
                self.ask_again()?;
            }
        }
        Ok(())
    }

    /// Records the ranges that a task needs.
    pub(super) fn ask_for(&mut self, number: usize, ranges: &[MemoryRange]) -> Result<(), Exhausted> {
        self.asked_charge.grow(ASKED_BYTES * ranges.len() as u64)?;
        self.asked.extend(ranges.iter().map(|range| (number, *range)));
        Ok(())
    }

    fn forget_asked(&mut self) {
        self.asked.clear();
        self.asked_charge.shrink_to(0);
    }

    /// Takes the bytes of the ranges returned by [`Decoder::needs`], in their order; `None` for ranges that
    /// cannot be read. Missing elements at the end count as `None`.
    pub fn provide(&mut self, bytes: impl IntoIterator<Item = Option<Vec<u8>>>) {
        let bytes = bytes.into_iter();
        let asked = std::mem::take(&mut self.asked);
        let taken = match self.phase {
            Phase::Walk => self.take_answers(&asked, bytes),
            Phase::Again => self.begin_again(&asked, bytes),
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
        asked: &[(usize, MemoryRange)],
        mut bytes: impl Iterator<Item = Option<Vec<u8>>>,
    ) -> Result<(), Exhausted> {
        for (number, range) in asked.iter().copied() {
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

    /// The requested ranges are in the order of the used ones.
    fn compare(&mut self, mut bytes: impl Iterator<Item = Option<Vec<u8>>>) {
        for decoding in &mut self.tasks {
            if decoding.step != Step::Check {
                continue;
            }
            let mut is_same = true;
            for (_, used) in decoding.snapshot.used(CHANGING_BYTES) {
                is_same &= bytes.next().flatten().is_some_and(|now| now == used);
            }
            decoding.step = Step::Done;
            if !is_same {
                decoding.lose_stack(AsyncStack::Moved);
                decoding.step = Step::Again;
            }
            decoding.forget_snapshot();
        }
        self.phase = Phase::Again;
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
        let given_up: Arc<str> = match self.exhausted {
            Some(exhausted) => format!("not decoded: {exhausted}").into(),
            None => "not decoded".into(),
        };
        self.forget_asked();
        for decoding in &mut self.tasks {
            decoding.forget_snapshot();
            let stack = match decoding.step {
                Step::Walk => AsyncStack::Unknown(given_up.clone()),
                Step::Check | Step::Again => AsyncStack::Moved,
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

    fn walk_all(&mut self) -> Result<(), Exhausted> {
        let is_last = self.rounds >= MOST_ROUNDS || self.asked_bytes > MOST_BYTES;
        for number in 0..self.tasks.len() {
            if self.tasks[number].step != Step::Walk {
                continue;
            }
            let Some(future) = self.futures.get(&self.tasks[number].vtable).copied().flatten() else {
                continue;
            };
            let walked = self.walk(number, future)?;
            let is_waiting = walked.is_waiting && !is_last && walked.exhausted.is_none();
            let missing = self.tasks[number].snapshot.take_missing();
            if is_waiting {
                self.tasks[number].snapshot_charge.grow(RANGE_BYTES * missing.len() as u64)?;
                self.ask_for(number, &missing)?;
                continue;
            }
            let holds = walked.holds.len() * size_of::<Resource>();
            let bytes = NODE_BYTES.saturating_mul(walked.nodes as u64) + holds as u64;
            self.tasks[number].stack_charge.grow(bytes)?;
            self.take(number, walked)?;
        }
        Ok(())
    }

    /// Takes the result of a finished walk.
    fn take(&mut self, number: usize, walked: Walked) -> Result<(), Exhausted> {
        let decoding = &mut self.tasks[number];
        // All of it comes from one read, unless the cell was read again.
        let is_one_moment = decoding.snapshot.is_single() && decoding.retries == 0;
        if let Some(exhausted) = walked.exhausted
            && (!is_one_moment || walked.node.is_none())
        {
            return Err(exhausted);
        }
        if walked.has_ended {
            decoding.lose_stack(AsyncStack::Moved);
            decoding.step = Step::Done;
            return Ok(());
        }
        let cut = match walked.exhausted {
            Some(Exhausted::Time) => Some(NO_TIME),
            Some(_) => Some(NO_MEMORY),
            None if walked.is_waiting => Some("it needs more memory than the limit of a task"),
            None => walked.cut,
        };
        decoding.task.holds = walked.holds;
        if let Some(name) = walked.node.as_deref().and_then(behind_dyn) {
            decoding.task.future = Some(name.clone());
        }
        decoding.task.stack = match (walked.node, cut) {
            (Some(node), None) => AsyncStack::Decoded(node),
            (Some(node), Some(why)) => AsyncStack::Cut(node, why.into()),
            (None, why) => {
                AsyncStack::Unknown(why.unwrap_or("its state is unknown to the debug information").into())
            }
        };
        decoding.step = if is_one_moment { Step::Done } else { Step::Check };
        if is_one_moment {
            // For a hundred thousand tasks this is a hundred megabytes.
            decoding.forget_snapshot();
        }
        walked.exhausted.map_or(Ok(()), Err)
    }

    fn walk(&mut self, number: usize, future: FutureType) -> Result<Walked, Exhausted> {
        self.budget.check_time()?;
        let Decoder { source, content, vtables, vtable_places, headers, tasks, .. } = self;
        content.begin_walk();
        let decoding = &tasks[number];
        let vtable = |avma: u64| vtable_places.get(&avma).map(|place| vtables[*place].clone());
        let is_listed = |avma: u64| headers.contains(&avma);
        let Some(avma) = place_of(&decoding.snapshot, decoding.task.header_avma, future, *source, content)
        else {
            if has_ended(&decoding.snapshot, decoding.task.header_avma, future) {
                return Ok(Walked { has_ended: true, ..Walked::default() });
            }
            return Ok(Walked { cut: Some("the layout of its cell is unknown"), ..Walked::default() });
        };
        let mut walk = Walk::new(*source, content, &decoding.snapshot, &vtable, &is_listed);
        let node = walk.future(future.id, avma);
        if walk.content.is_cut() {
            walk.cut.get_or_insert(TOO_MUCH);
        }
        let exhausted = walk.content.exhausted();
        let Walk { cut, is_waiting, holds, nodes, .. } = walk;
        Ok(Walked { node, cut, is_waiting, holds, has_ended: false, nodes, exhausted })
    }
}

/// The name of the concrete future, when the root is only known as `dyn`.
fn behind_dyn(root: &Node) -> Option<&TypeName> {
    let mut node = root;
    while let (NodeKind::Dyn, [child]) = (node.kind, node.children.as_slice()) {
        node = child;
    }
    (root.kind == NodeKind::Dyn && node.kind != NodeKind::Dyn).then_some(&node.name)
}

/// The result of a walk.
#[derive(Default)]
struct Walked {
    node: Option<Arc<Node>>,
    cut: Option<&'static str>,
    is_waiting: bool,
    holds: Vec<Resource>,
    /// The task has ended since it was listed.
    has_ended: bool,
    /// Number of nodes below `node`.
    nodes: usize,
    /// The limit that was reached.
    exhausted: Option<Exhausted>,
}
