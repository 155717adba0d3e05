//! The samples of a profile as a graph: nodes with their values, and the calls between them, with the semantics of
//! google/pprof's `internal/graph`.
//!
//! A [`Frames`] says which node each frame is. [`Weights`] sums the samples by stack, so that a stack that is in many
//! samples is walked once. [`Graph`] has the nodes and calls, and [`Trimmed`] is the part that a report shows.
//!
//! Sums wrap around like Go's `int64`.

mod adjacency;
mod frames;
mod info;
mod make;
mod names;
mod order;
mod parts;
mod redundant;
mod seeded;
mod sums;
mod tags;
mod tree;
mod trim;
mod weights;
mod whole;
mod work;

pub use adjacency::Adjacency;
pub use frames::Frames;
pub use info::Info;
pub use parts::{Calls, Edge, Node, NodeId, Options, Value};
pub use tags::{NodeTags, Tag, sort_tags};
pub use trim::{Trim, Trimmed};
pub use weights::{Weight, Weights};
pub use whole::Graph;
pub use work::{GraphError, Work};
