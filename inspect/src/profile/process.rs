//! The process of a profile, how the profile ended, and what stacks cost.

use std::path::PathBuf;

use crate::budget::{self, Budget};

/// Bytes charged for a distinct stack until the file and the table are written, and for each of its frames.
pub(crate) const STACK_BYTES: u64 = 768;
pub(crate) const FRAME_BYTES: u64 = 48;

/// The process of a profile.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its name, for the comments.
    pub name: String,
    /// Its process id in its own pid namespace.
    pub pid: u32,
    /// Build-id of its executable, to identify the executable among the modules.
    pub build_id: Vec<u8>,
    /// The process on this host, see [`Symbolizer::new`](crate::symbols::Symbolizer::new).
    pub local_pid: Option<u32>,
    /// Directories with symbol files, see [`Symbolizer::new`](crate::symbols::Symbolizer::new).
    pub symbol_directories: Vec<PathBuf>,
    /// The budget that is charged for everything kept.
    pub budget: Budget,
}

impl Default for Process {
    fn default() -> Process {
        Process {
            name: String::new(),
            pid: 0,
            build_id: Vec::new(),
            local_pid: None,
            symbol_directories: Vec::new(),
            budget: budget::standard(),
        }
    }
}

/// Why a profile ended early.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Incomplete {
    /// What happened, lower case.
    pub reason: String,
    /// How long samples arrived, in nanoseconds.
    pub duration_ns: u64,
}
