//! A task between its cell and its decoded stack.

use rgops_dwarf::Charge;

use crate::decode::cell::CHANGING_BYTES;
use crate::decode::memory::Snapshot;
use crate::model::{AsyncStack, Task};
use crate::types::TypeId;

/// A task that is being decoded.
pub(super) struct Decoding {
    pub(super) task: Task,
    pub(super) vtable: u32,
    pub(super) snapshot: Snapshot,
    /// Charge of the snapshot: its bytes and its ranges.
    pub(super) snapshot_charge: Charge,
    /// Charge of the task's stack and of the locks it holds.
    pub(super) stack_charge: Charge,
    pub(super) step: Step,
    /// Number of times it was read again because it had moved.
    pub(super) retries: u32,
    /// Where the future of a `block_on` may be; `None` for a task.
    pub(super) block_on: Option<Place>,
}

/// A place where the future of a `block_on` may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) future: TypeId,
    pub(super) avma: u64,
    /// Bytes of the future.
    pub(super) size: u64,
    /// What is there can be the future.
    pub(super) is_checked: bool,
    /// What is there is not the future.
    pub(super) is_another: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Must be walked, or walked again with more memory.
    Walk,
    /// Walked. The memory that the walk used must be compared.
    Check,
    /// Moved. Its cell must be read again.
    Retry,
    Done,
}

impl Decoding {
    /// The first bytes of the cell, which may change.
    pub(super) fn changing_bytes(&self) -> usize {
        if self.block_on.is_some() { 0 } else { CHANGING_BYTES }
    }

    /// Drops the memory that is no longer needed, and releases its charge.
    pub(super) fn forget_snapshot(&mut self) {
        self.snapshot = Snapshot::default();
        self.snapshot_charge.shrink_to(0);
    }

    /// Replaces the decoded stack with another one, and releases the charge of the decoded one.
    pub(super) fn lose_stack(&mut self, stack: AsyncStack) {
        self.task.stack = stack;
        self.task.holds = Vec::new();
        self.task.set_aside = Vec::new();
        self.task.due_ns = None;
        self.stack_charge.shrink_to(0);
    }
}
