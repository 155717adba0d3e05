//! Reads debug information for an address: the function, the calls inlined there, files and lines.
//!
//! Units are indexed by the addresses in their first entries. For an address, its unit's functions are
//! listed, then the calls inlined into the one function, then the rows of the one sequence of lines. All
//! results are kept, and charged to the command's budget.

mod information;
mod inlined;
mod names;
mod place;
mod unit;

pub(super) use information::{DebugInformation, Inlined, WANTED};
pub(super) use inlined::MAX_INLINED;
pub(super) use place::Place;
