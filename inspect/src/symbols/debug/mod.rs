//! What debug information says about an address: the function, what is inlined there, files and lines.
//!
//! Units are indexed by the addresses that their first entries state; of a unit that has an asked-for
//! address, functions are listed, then the calls inlined into the one function, then the rows of the one
//! sequence of lines. Everything is kept, and charged to the command's budget.

mod information;
mod inlined;
mod names;
mod place;
mod unit;

pub(super) use information::{DebugInformation, Inlined, WANTED};
pub(super) use inlined::MOST_INLINED;
pub(super) use place::Place;
