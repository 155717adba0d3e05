//! The vtables of the tasks found so far.

use std::collections::HashMap;

use rgops_capture::memory::Reader;

use crate::runtimes::layout::Layout;

/// Maximum types of futures of one answer. A program has as many as it has places that spawn a task.
const MAX_VTABLES: usize = 1 << 16;

/// The parts of a vtable that are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vtable {
    pub(crate) avma: u64,
    /// The address of the function that polls the task.
    pub(crate) poll: u64,
    /// Offset of the id from the header.
    pub(crate) id: u64,
    /// Offset of the trailer from the header.
    pub(crate) trailer: u64,
}

/// The vtables of all tasks found so far.
#[derive(Debug, Default)]
pub(crate) struct Vtables {
    pub(crate) list: Vec<Vtable>,
    indices: HashMap<u64, u32>,
}

impl Vtables {
    /// The vtable at `avma`; `None` if there cannot be one.
    pub(super) fn at(&self, avma: u64, layout: &Layout, memory: &mut Reader) -> Option<Vtable> {
        if let Some(index) = self.indices.get(&avma) {
            return self.list.get(*index as usize).copied();
        }
        if avma == 0 || !avma.is_multiple_of(8) {
            return None;
        }
        let words = memory.words(avma, layout.vtable_words())?;
        let (id, trailer) = layout.offsets(&words)?;
        // `poll` is the first function (`Vtable` in `runtime/task/raw.rs`).
        Some(Vtable { avma, poll: *words.first()?, id, trailer })
    }

    /// Keeps the vtable and returns its index; `None` if there are too many.
    pub(super) fn keep(&mut self, vtable: Vtable) -> Option<u32> {
        if let Some(index) = self.indices.get(&vtable.avma) {
            return Some(*index);
        }
        if self.list.len() >= MAX_VTABLES {
            return None;
        }
        let index = self.list.len() as u32;
        self.list.push(vtable);
        self.indices.insert(vtable.avma, index);
        Some(index)
    }
}
