//! Debug information that nobody vouches for: its units, their tables of abbreviations and of lines, and
//! the files it was split into. Used for names (`symbols`) and for types (`tasks::types`).
//!
//! Nothing here recurses, what grows is charged to the command's budget before it is allocated, and loops
//! count their steps: a few bytes can claim a table of millions, or send a reader in circles.

mod abbreviations;
mod fault;
mod left_out;
mod lines;
mod package;
mod part;
mod root;
mod split;
mod strings;

pub(crate) use abbreviations::Table;
pub(crate) use fault::Fault;
pub(crate) use left_out::LeftOut;
pub(crate) use lines::{LineTable, file_path, header as line_header};
pub(crate) use part::Part;
pub(crate) use root::{Ranges, Root};
pub(crate) use split::SplitFiles;
pub(crate) use strings::{string, text};

/// More attributes than any compiler gives an entry. Attributes may take no bytes, so that without
/// a bound a small file could make every entry cost megabytes of work.
pub(crate) const MOST_ATTRIBUTES: usize = 256;
