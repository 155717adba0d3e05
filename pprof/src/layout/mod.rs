//! A directed graph as a picture: where each box is and how each edge runs, top to bottom, without Graphviz.
//!
//! The method is Sugiyama's, in five passes, each in a file: edges of cycles are turned (`cycles`), nodes get ranks
//! (`ranks`), edges that span several ranks or have a label become chains of virtual nodes (`chains`), nodes of a rank
//! are ordered so that few edges cross (`order`), and get coordinates (`columns`, by Brandes and Köpf). Then edges are
//! drawn (`route`).
//!
//! * **Deterministic**: the same graph gives the same picture. Nodes come first that are first in the input.
//! * **Bounded**: no pass is recursive, each is linear in nodes, edges and virtual nodes (with a logarithm for sorting
//!   and crossings), the number of sweeps shrinks with size, and there are at most [`MAX_VIRTUAL`] virtual nodes:
//!   edges for which there is no room are drawn straight.
//!
//! ```
//! use rgops_pprof::Stop;
//! use rgops_pprof::layout::{Link, Size, place};
//!
//! let nodes = [Size { width: 80.0, height: 40.0 }; 3];
//! let link = |from, to| Link { from, to, weight: 1, label: Size::default() };
//! let placed = place(&nodes, &[link(0, 1), link(1, 2), link(2, 0)], Stop::never())?;
//! assert!(placed.nodes[0].y < placed.nodes[1].y && placed.nodes[1].y < placed.nodes[2].y);
//! assert!(placed.routes[2].is_upward);
//! # Ok::<(), rgops_pprof::Stopped>(())
//! ```

mod chains;
mod columns;
mod cycles;
mod order;
mod picture;
mod place;
mod ranks;
mod route;
#[cfg(test)]
mod tests;

pub use picture::{Layout, Link, MAX_VIRTUAL, Point, Route, Size};
pub use place::place;
