//! The only way to open files that others name: modules of an answer, `/proc/PID/exe`, files that a process
//! maps, and files that such a file names in turn (debug links, `.dwp`, `.dwo`).
//!
//! Such a name may lead to a pipe that blocks its reader, a device where opening has a side effect, a file of
//! the kernel that never ends, or a file that is truncated while it is read. So a name is resolved without
//! opening the file, the file is checked, and only a regular file of an ordinary file system is opened
//! ([`checked`]). It is read with `pread` into our own buffers, never mapped: a truncated mapped file kills its
//! reader. Reads are charged to the command's [`Budget`](rgops_dwarf::Budget) before memory is allocated, and
//! wait no longer than the command may take ([`within`]).
//!
//! Outside this module the crate opens files only by names of the operator or of rgops itself (`allowed.rs`
//! tests this).

mod checked;
mod process;
mod split;
mod timeout;

pub(crate) use checked::{Checked, Place, Root};
#[cfg(target_os = "linux")]
pub(crate) use process::open_executable;
pub(crate) use process::{Believed, Process};
pub(crate) use split::SplitPlaces;
pub(crate) use timeout::within;

#[cfg(test)]
mod allowed;
#[cfg(test)]
mod tests;
