//! The tasks found by a walk, in small pieces of memory.

/// Maximum tasks of one answer: they take about 32 MB until it is sent. More are counted as not listed.
pub(crate) const MAX_TASKS: usize = 1 << 20;

/// A task that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) header: u64,
    pub(crate) id: u64,
    pub(crate) state: u64,
    /// Index in [`Vtables::list`](super::vtables::Vtables::list).
    pub(crate) vtable: u32,
}

/// Found tasks, in pieces below 64 KiB. glibc releases larger ones to the system one by one, which changes how it
/// treats those of the program (mallopt(3), `M_MMAP_THRESHOLD`).
#[derive(Debug, Default)]
pub(crate) struct FoundTasks(Vec<Vec<Found>>);

impl FoundTasks {
    const MAX_IN_PIECE: usize = 2000;

    pub(crate) fn push(&mut self, found: Found) {
        match self.0.last_mut().filter(|piece| piece.len() < FoundTasks::MAX_IN_PIECE) {
            Some(piece) => {
                if piece.len() == piece.capacity() {
                    piece.reserve_exact(piece.len().max(8).min(FoundTasks::MAX_IN_PIECE - piece.len()));
                }
                piece.push(found);
            }
            None => self.0.push(vec![found]),
        }
    }

    pub(super) fn pop(&mut self) {
        if let Some(piece) = self.0.last_mut() {
            piece.pop();
            if piece.is_empty() {
                self.0.pop();
            }
        }
    }

    pub(super) fn last(&self) -> Option<&Found> {
        self.0.last()?.last()
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut Found> {
        self.0.last_mut()?.last_mut()
    }

    pub(super) fn last_but_one(&self) -> Option<Found> {
        self.iter_back().nth(1).copied()
    }

    fn iter_back(&self) -> impl Iterator<Item = &Found> {
        self.0.iter().rev().flat_map(|piece| piece.iter().rev())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Found> {
        self.0.iter().flatten()
    }

    pub(crate) fn len(&self) -> usize {
        match self.0.split_last() {
            Some((last, full)) => full.len() * FoundTasks::MAX_IN_PIECE + last.len(),
            None => 0,
        }
    }
}
