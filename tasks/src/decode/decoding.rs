//! A task on its way from its cell to its stack.

use rgops_dwarf::Charge;

use crate::decode::memory::Snapshot;
use crate::model::{AsyncStack, Task};

/// A task on its way.
pub(super) struct Decoding {
    pub(super) task: Task,
    pub(super) vtable: u32,
    pub(super) snapshot: Snapshot,
    /// Of the snapshot: its bytes, and its ranges.
    pub(super) snapshot_charge: Charge,
    /// Of the task's stack and of what it holds.
    pub(super) stack_charge: Charge,
    pub(super) step: Step,
    /// Times it was read anew because it had moved.
    pub(super) retries: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// To be walked, again with more memory.
    Walk,
    /// Walked; what it used is to be compared.
    Check,
    /// It moved; its cell is to be read anew.
    Again,
    Done,
}

impl Decoding {
    /// Gives back the memory of what is not needed any more.
    pub(super) fn forget_snapshot(&mut self) {
        self.snapshot = Snapshot::default();
        self.snapshot_charge.shrink_to(0);
    }

    /// Puts another stack in the place of the one that was decoded, and gives back the memory of that one.
    pub(super) fn lose_stack(&mut self, stack: AsyncStack) {
        self.task.stack = stack;
        self.task.holds = Vec::new();
        self.stack_charge.shrink_to(0);
    }
}
