//! Reads untrusted debug information within a budget: the headers and sections of ELF files, their symbol
//! tables, and the units, abbreviations, lines, ranges, strings and split files of DWARF.
//!
//! Constraints this crate was designed under:
//!
//! * **No I/O.** Bytes come from slices, or from implementations of [`ReadAt`] and [`SplitSource`], which
//!   decide where files are, how they are opened and how long that may take.
//! * **No allocation because a file claims a size.** Everything that grows is charged to a [`Budget`] before
//!   it is allocated, and released when its [`Charge`] is dropped.
//! * **No work without an end.** Loops count their steps ([`Work`]) and check the deadline every thousand
//!   steps, and no function recurses: a few bytes can claim a table of millions, or form a circle.
//! * **A limit is not damage.** [`Fault`] distinguishes data that contradicts itself from data that would
//!   exceed the command's limits, and units that are not used are counted ([`LeftOut`]).
//!
//! ```
//! use gimli::SectionId;
//! use rgops_dwarf::{Budget, Part, Sections, Work};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let file = std::fs::read(std::env::current_exe()?)?;
//! let budget = Budget::new(256 << 20);
//! let wanted = [SectionId::DebugInfo, SectionId::DebugAbbrev, SectionId::DebugStr, SectionId::DebugLineStr];
//! let sections = Sections::read(&file[..], &wanted, &budget).map_err(|why| why.to_string())?;
//! let part = Part::of_sections(&sections, &Work::new(&budget)).map_err(|why| why.to_string())?;
//! println!("{} units, {} bytes charged", part.units.len(), budget.charged());
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![warn(unused_crate_dependencies)]

mod abbreviations;
mod budget;
mod charge;
mod code_ranges;
pub mod elf;
mod fault;
mod left_out;
mod lines;
#[cfg(any(test, feature = "made"))]
pub mod made;
mod package;
mod part;
mod ranges;
mod read_at;
mod root;
pub mod sections;
mod split;
mod strings;
mod symbol_tables;
mod work;

pub use abbreviations::{MAX_ATTRIBUTES, Table};
pub use budget::{Budget, Exhausted, OwnMemory};
pub use charge::Charge;
pub use code_ranges::{CodeRange, CodeRanges};
pub use fault::Fault;
pub use left_out::{LeftOut, Remedy};
pub use lines::{LineTable, Row, file_path, header as line_header};
pub use part::{Part, Span};
pub use ranges::Ranges;
pub use read_at::{ReadAt, Unreadable, read_range};
pub use root::Root;
pub use sections::{Bytes, Sections, Slice};
pub use split::{SplitFile, SplitFiles, SplitSource};
pub use strings::{name, string, text};
pub use symbol_tables::{Symbol, SymbolTables};
pub use work::{Counter, Work};
