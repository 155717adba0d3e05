//! `dot`: the call graph as a drawing: first as data with sizes and colours, then as text for Graphviz.

mod color;
mod drawing;
mod nodelets;
mod short_names;
mod text;

pub use color::color;
pub use drawing::{Drawing, DrawnEdge, DrawnNode};
pub use nodelets::Nodelet;
pub use short_names::short_name;
