//! All options of a report: their names are pprof's, and they are set by name, so that the command line, the prompt
//! and the address of a page use one table, [`OPTIONS`].

mod options;
mod values;

pub use crate::paths::path_list;
pub use options::{Kind, OPTIONS, Opt, SetError};
pub use values::{Granularity, Settings, Sort};
