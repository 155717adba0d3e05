//! Reports: data first, text second. [`write()`] makes any of them from a profile.
//!
//! `Refined` is where they all begin: the profile after its filters, at its granularity, with the chosen sample type.
//! Each report has a type with its rows and the header, and writes the text of the tool from that.

pub mod callgrind;
mod cells;
pub mod comments;
pub mod disasm;
pub mod dot;
pub mod json;
mod legend;
pub mod list;
pub mod proto;
pub mod raw;
#[cfg(test)]
mod schema;
pub mod svg;
pub mod tags;
#[cfg(test)]
mod tests;
pub mod top;
pub mod topproto;
pub mod traces;
pub mod tree;
mod unit;
pub mod weblist;
mod write;

pub use crate::error::ReportError;
pub use crate::format::Format;
pub use write::{Request, write, write_noting};
