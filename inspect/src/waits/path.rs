//! The async stack of a task as frames of a profile, innermost first.

use std::sync::Arc;

use crate::symbols::shown_path;
use crate::tasks::model::{AsyncStack, Location, Node, Task};
use crate::text::{escape, shown_name};

/// Frames that are kept. A decoder's stack is shorter.
const MOST_FRAMES: usize = 512;

/// A future that is suspended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct AsyncFrame {
    /// The function, as `rgops tasks` shows it.
    pub(crate) name: Arc<str>,
    /// The file of the `await` in it, as the compiler saw its path; empty if unknown.
    pub(crate) file: Arc<str>,
    /// The line of the `await`; 0 if unknown.
    pub(crate) line: u32,
}

impl AsyncFrame {
    /// A frame with no more than a name.
    pub(crate) fn named(name: &str) -> AsyncFrame {
        AsyncFrame { name: name.into(), file: Arc::default(), line: 0 }
    }

    fn of(node: &Node) -> AsyncFrame {
        let (file, line) = match &node.location {
            Some(Location::Await { file, line }) => (escape(file).into(), *line),
            _ => (Arc::default(), 0),
        };
        AsyncFrame { name: shown_name(&node.name.short).into(), file, line }
    }

    /// `src/checkout.rs:41`; empty if unknown.
    pub(crate) fn place(&self) -> String {
        match self.line {
            0 => String::new(),
            line => format!("{}:{line}", shown_path(&self.file)),
        }
    }
}

/// Where a task is suspended, innermost first; `name` is that of its future, if it is known. A `select!` or `join!` with
/// several branches is the innermost frame. Without a stack the future is the only frame.
pub(crate) fn path(task: &Task, name: Option<&str>) -> Vec<AsyncFrame> {
    let mut frames: Vec<AsyncFrame> = nodes(task).into_iter().map(AsyncFrame::of).collect();
    frames.reverse();
    if frames.is_empty() {
        frames.push(AsyncFrame::named(name.unwrap_or("<future without a name>")));
    }
    frames
}

/// The futures from the spawned one to the innermost, or to the one that polls several.
pub(super) fn nodes(task: &Task) -> Vec<&Node> {
    let (AsyncStack::Decoded(root) | AsyncStack::Cut(root, _)) = &task.stack else { return Vec::new() };
    let mut nodes: Vec<&Node> = vec![root];
    while let Some(node) = nodes.last().copied()
        && let [child] = node.children.as_slice()
        && node.children_left_out == 0
        && nodes.len() < MOST_FRAMES
    {
        nodes.push(child);
    }
    nodes
}
