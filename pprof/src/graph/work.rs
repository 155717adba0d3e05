//! What making a graph may cost: it can be stopped, and its memory is limited.

use crate::error::ReportError;
use crate::stop::{Stop, Stopped};

/// Frames between two questions whether to stop: about a millisecond.
const FRAMES_AT_A_TIME: usize = 1 << 16;
/// Calls or nodes of call trees that a graph has at most: about 4 GB.
const MOST_PARTS: usize = 1 << 25;
/// Bytes of one of them, with its entry in the table that finds it, and how many are charged at a time. The first of
/// them are not charged: they take less than the profile.
const PART_BYTES: u64 = 128;
const PARTS_AT_A_TIME: usize = 1 << 16;

/// Why there is no graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// It was stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// It does not fit the memory.
    #[error(
        "the graph has more than {0} calls, which do not fit the memory; use -focus or -nodecount, or a larger limit"
    )]
    TooLarge(usize),
}

impl From<GraphError> for ReportError {
    fn from(error: GraphError) -> ReportError {
        match error {
            GraphError::Stopped(stopped) => ReportError::Stopped(stopped),
            GraphError::TooLarge(_) => ReportError::TooLarge(error.to_string()),
        }
    }
}

/// The limits of making a graph, and what was done so far.
pub struct Work<'s> {
    stop: Stop<'s>,
    charge: &'s dyn Fn(u64) -> bool,
    frames: usize,
    parts: usize,
}

impl<'s> Work<'s> {
    /// Work that ends when `stop` says so, and with an error when the calls of a graph take more than about 4 GB.
    pub fn new(stop: Stop<'s>) -> Work<'s> {
        Work { stop, charge: &|_| true, frames: 0, parts: 0 }
    }

    /// The same, which also ends with an error when `charge` returns false: it is called before that many bytes more
    /// are allocated for calls.
    #[must_use]
    pub fn charging(self, charge: &'s dyn Fn(u64) -> bool) -> Work<'s> {
        Work { charge, ..self }
    }

    /// Counts frames that were visited.
    pub(crate) fn add_frames(&mut self, frames: usize) -> Result<(), Stopped> {
        self.frames = self.frames.saturating_add(frames);
        if self.frames >= FRAMES_AT_A_TIME {
            self.frames = 0;
            self.stop.check()?;
        }
        Ok(())
    }

    /// Counts a call, a node of a tree or a tag that is kept.
    pub(crate) fn add_part(&mut self) -> Result<(), GraphError> {
        self.parts += 1;
        let is_charged =
            !self.parts.is_multiple_of(PARTS_AT_A_TIME) || (self.charge)(PART_BYTES * PARTS_AT_A_TIME as u64);
        if is_charged && self.parts <= MOST_PARTS { Ok(()) } else { Err(GraphError::TooLarge(self.parts)) }
    }

    /// The parts counted so far were given back.
    pub(crate) fn forget_parts(&mut self) {
        self.parts = 0;
    }
}

impl std::fmt::Debug for Work<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Work")
            .field("frames", &self.frames)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}
