//! The calls inlined between a line and an instruction: a part of the frames of the instruction, which are shared.

use std::sync::Arc;

use crate::environment::CodeFrame;

use super::InlinedCall;
use super::lines::SourceLines;

/// The deepest call that is shown.
const MOST_DEPTH: usize = 64;
/// Bytes of the calls of a report, and of the names of files beside its instructions. A location of a few kilobytes
/// has thousands of inlined calls, each of which is in all others.
const MOST_BYTES: usize = 16 << 20;
/// What a call takes beside its texts, in a page.
const CALL_BYTES: usize = 128;

/// Calls, outermost first.
#[derive(Debug, Clone)]
pub(super) struct Callees {
    /// The frames of the instruction, innermost first.
    frames: Arc<[CodeFrame]>,
    /// How many of them are calls of the line.
    count: usize,
}

impl Callees {
    /// What the frame at `at` calls.
    pub(super) fn of(frames: &Arc<[CodeFrame]>, at: usize) -> Callees {
        Callees { frames: frames.clone(), count: at.min(frames.len()) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How deep the instruction is shown.
    pub(super) fn depth(&self) -> usize {
        self.count.min(MOST_DEPTH + 1)
    }

    /// Those that are shown.
    fn shown(&self) -> impl Iterator<Item = &CodeFrame> {
        self.frames.iter().take(self.count).rev().take(MOST_DEPTH)
    }
}

/// What may still be shown.
#[derive(Debug)]
pub(super) struct Shown(usize);

impl Shown {
    pub(super) fn new() -> Shown {
        Shown(MOST_BYTES)
    }

    /// Whether this many bytes can be shown, too.
    fn take(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }

    /// The name of a file, empty if there are too many.
    pub(super) fn file(&mut self, file: &str) -> String {
        if self.take(file.len()) { file.to_owned() } else { String::new() }
    }

    /// The calls that differ from those of the instruction before, and all inside the first of them.
    pub(super) fn inlined(
        &mut self,
        callees: &Callees,
        before: Option<&Callees>,
        sources: &mut SourceLines<'_>,
    ) -> Vec<InlinedCall> {
        let place = |frame: &CodeFrame| (frame.file.clone(), frame.line);
        let others = before.into_iter().flat_map(Callees::shown);
        let same = callees.shown().zip(others).take_while(|(own, other)| place(own) == place(other)).count();
        let mut calls = Vec::new();
        for (depth, frame) in callees.shown().enumerate().skip(same) {
            let text = sources.line(&frame.file, frame.line).map(str::trim).unwrap_or_default();
            if !self.take(CALL_BYTES + frame.file.len() + text.len()) {
                break;
            }
            let (file, text) = (frame.file.to_string(), text.to_owned());
            calls.push(InlinedCall { depth, file, line: frame.line, text });
        }
        let left = callees.count - same - calls.len();
        if left > 0 && same < MOST_DEPTH {
            let (depth, text) = (same + calls.len(), format!("… {left} more inlined calls"));
            calls.push(InlinedCall { depth, file: String::new(), line: 0, text });
        }
        calls
    }
}
