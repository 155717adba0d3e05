//! The content of a profile: the selected value, the samples as stacks of functions, and their sums as a graph.

mod graph;
mod limits;
mod stacks;
mod value;

pub use graph::{Graph, Inlined, Node};
pub use limits::{Limits, Unlimited, Work};
pub use stacks::Stacks;
pub use value::{value_index, value_type};
