//! What was read of files of programs, kept for the next command: a private directory of bounded files.

mod directory;

pub(crate) use directory::{Directory, Kind, is_in_own};
