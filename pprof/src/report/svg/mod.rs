//! `svg`: the call graph as a picture: boxes of functions, edges of calls, as SVG.
//!
//! The looks are pprof's: a box and its letters grow with the function's own value, colours go from grey to red (green
//! if negative) with the value of a function and what it calls, edges get wider with the value of the calls, and are
//! dotted if functions between the two are left out.
//!
//! [`Picture::of`] makes one of a [`Drawing`](crate::report::dot::Drawing), which has texts and sizes;
//! [`Picture::arrange`] of any boxes and edges. Both place them with [`crate::layout`]; [`Picture::svg`] writes them,
//! for a file or inside a page. It has no script and no style sheet: colours are attributes, which the style sheet of a
//! page overrides by classes (`node`, `edge`, `heat-10` to `heat--10`).
//!
//! ```
//! use rgops_pprof::Stop;
//! use rgops_pprof::report::svg::{Node, Edge, Picture, Use};
//!
//! let mut main = Node::named("shop::main");
//! main.values = vec!["0 of 90ms (100%)".to_owned()];
//! let mut load = Node::named("shop::load");
//! (load.values, load.font_size, load.score) = (vec!["90ms (100%)".to_owned()], 24.0, 1.0);
//! let call = Edge { from: 0, to: 1, label: vec!["90ms".to_owned()], weight: 100, score: 1.0, ..Edge::default() };
//! let picture = Picture::arrange("shop", vec!["Type: cpu".to_owned()], vec![main, load], vec![call], Stop::never())?;
//! assert!(picture.svg(Use::File).starts_with("<?xml"));
//! # Ok::<(), rgops_pprof::Stopped>(())
//! ```

mod escape;
mod heat;
mod lines;
mod model;
mod of_drawing;
#[cfg(test)]
mod tests;
mod text;
mod width;

pub use heat::heat;
pub use model::{Edge, Node, Picture};
pub use text::Use;
