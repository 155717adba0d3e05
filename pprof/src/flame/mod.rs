//! The data of a flame graph: distinct stacks of frames, and bounded trees of them.
//!
//! [`Stacks`] is a profile as frames: each distinct stack once, with what its samples add up to. [`Graph`] is what a
//! page draws of them: the tree from the root, or from the leaves, or the callers and callees of one function. A graph
//! has at most as many frames as its reader asks for, the heaviest first; the rest is counted, so that all sums are
//! exact. Nothing here is recursive: stacks may be a million frames deep.

mod class;
mod functions;
mod graph;
mod json;
mod sorted;
mod stacks;
mod tree;

pub use class::{Class, package};
pub use functions::{FunctionSums, Functions};
pub use graph::{Graph, View};
pub use json::{Data, FrameColumns, TreeColumns};
pub use sorted::{Distinct, DistinctStack};
pub use stacks::{Frame, FrameId, MAX_FRAMES, Place, Stacks};
pub use tree::{Node, NodeKind, Tree};

#[cfg(test)]
pub(crate) mod tests;
