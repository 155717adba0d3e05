//! A task between its cell and its decoded stack.

use rgops_dwarf::Charge;

use crate::decode::memory::Snapshot;
use crate::model::{AsyncStack, Task};

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
