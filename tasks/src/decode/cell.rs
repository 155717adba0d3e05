//! A task's cell: Tokio's state word, and the position of the future after the header.

use rgops_protocol::reply::tasks::{CellBytes, TaskCell};

use crate::decode::content::Content;
use crate::decode::memory::Snapshot;
use crate::decode::value::{Value, active};
use crate::model::{AsyncStack, State, Task, TypeName};
use crate::types::{Shape, TypeId, TypeSource};

/// Bits of Tokio's state word (`tokio/src/runtime/task/state.rs`); above them is the reference count.
pub(super) const RUNNING: u64 = 1;
pub(super) const COMPLETE: u64 = 2;
pub(super) const NOTIFIED: u64 = 4;
pub(super) const CANCELLED: u64 = 32;
pub(super) const REFERENCE_SHIFT: u32 = 6;

/// State word and queue link, which change even without a poll.
pub(super) const CHANGING_BYTES: usize = 16;

/// The type of the cells of one vtable.
#[derive(Debug, Clone, Copy)]
pub(super) struct FutureType {
    pub(super) id: TypeId,
    pub(super) size: u64,
    pub(super) alignment: Option<u64>,
    /// Offset of the future's id from the header; the future is after it.
    pub(super) id_offset: u64,
    pub(super) trailer_offset: u64,
}

/// Number of bytes of a cell that were read.
pub fn bytes_of(cell: &TaskCell) -> u64 {
    match &cell.bytes {
        CellBytes::Read(bytes) => bytes.len() as u64,
        CellBytes::NotRead | CellBytes::Moved | CellBytes::Unreadable => 0,
    }
}

/// Whether a cell's `Stage` no longer contains the future. If the task's state contradicts that, the task was
/// freed: the allocator overwrites the state word, which comes first, but not the bytes after it.
pub(super) fn has_ended(snapshot: &Snapshot, header: u64, future: FutureType) -> bool {
    // Finished, consumed.
    matches!(snapshot.number(header.wrapping_add(future.id_offset + 8), 4), Ok(1 | 2))
}

/// The address of the future in a cell.
///
/// The `Stage` (`tokio/src/runtime/task/core.rs`) follows the id. It is `repr(C)`: a tag of four bytes, 0
/// while the future is there, then a union of the future and its output. The union has the larger alignment
/// of the two, at least 8 because of the output's `JoinError`. Debug information states the alignment of the
/// future. The alignment of an output that is larger than that (a `u128`) is tried only where the smaller one
/// gives no valid state of the future.
pub(super) fn place_of(
    snapshot: &Snapshot,
    header: u64,
    future: FutureType,
    source: &dyn TypeSource,
    content: &mut Content,
) -> Option<u64> {
    let behind_id = future.id_offset + 8;
    let fits = |alignment: &u64| {
        let stage = behind_id.next_multiple_of(*alignment);
        let is_there = snapshot.number(header.wrapping_add(stage), 4) == Ok(0);
        let ends = (stage + alignment).saturating_add(future.size);
        is_there && future.size.is_multiple_of(*alignment) && ends <= future.trailer_offset
    };
    let is_possible = |alignment: &u64| future.alignment.is_none_or(|stated| *alignment >= stated);
    let candidates: Vec<u64> = [8, 16, 32, 64, 128].into_iter().filter(is_possible).filter(fits).collect();
    let place = |alignment: u64| header.wrapping_add(behind_id.next_multiple_of(alignment) + alignment);
    // If both positions fit, the discriminant of the coroutine decides.
    let is_valid = |alignment: &u64, content: &mut Content| {
        let Some(found) = content.get(source, future.id) else { return true };
        let Shape::Enum { .. } = found.shape else { return true };
        let value = Value { found: &found, avma: place(*alignment) };
        matches!(active(snapshot, value), Ok(Some(_)))
    };
    let chosen = candidates.iter().find(|alignment| is_valid(alignment, content)).or(candidates.first());
    // A future whose alignment is below 8 is still at this position.
    let small = || (snapshot.number(header.wrapping_add(behind_id), 4) == Ok(0)).then_some(8);
    chosen.copied().or_else(small).map(place)
}

/// The state in Tokio's state word.
pub fn state_of(word: u64) -> State {
    match word {
        word if word & COMPLETE != 0 => State::Complete,
        word if word & RUNNING != 0 => State::Running,
        word if word & NOTIFIED != 0 => State::Scheduled,
        _ => State::Idle,
    }
}

/// A task with a known list entry only.
pub(super) fn undecoded(cell: &TaskCell, future: Option<TypeName>) -> Task {
    let state = state_of(cell.state);
    let stack = match state {
        State::Complete => AsyncStack::Complete,
        State::Running => AsyncStack::Running,
        State::Scheduled | State::Idle => AsyncStack::Unknown("not decoded".into()),
    };
    Task {
        runtime: cell.runtime as usize,
        id: cell.id,
        header_avma: cell.header_avma,
        state,
        is_cancelled: cell.state & CANCELLED != 0,
        references: cell.state >> REFERENCE_SHIFT,
        tid: None,
        future,
        poll_avma: 0,
        stack,
        holds: Vec::new(),
        set_aside: Vec::new(),
        due_ns: None,
        goes_on: false,
    }
}
