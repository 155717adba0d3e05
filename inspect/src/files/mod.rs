//! The one door to files that others name: modules of an answer, `/proc/PID/exe`, what a process maps, and
//! what such a file names in turn (debug links, `.dwp`, `.dwo`).
//!
//! Such a name may lead to a pipe that blocks its reader, a device that acts when it is opened, a file of
//! the kernel that never ends, or a file that is cut short while it is read. So a name is resolved without
//! opening what it leads to, that is looked at, and only a regular file of an ordinary file system is
//! opened ([`door`]). It is read by `pread` into copies of ours, never mapped: a mapped file that is cut
//! short kills its reader. What is read is charged to the command's [`Budget`](rgops_dwarf::Budget)
//! before it is allocated, and waited for no longer than the command may take ([`within`]).
//!
//! Nothing else in this crate opens a file by a name that is not the operator's or our own (`wall.rs`
//! tests that).

mod door;
mod patience;
mod process;
mod split;

pub(crate) use door::{Checked, Place, Root};
pub(crate) use patience::within;
#[cfg(target_os = "linux")]
pub(crate) use process::open_executable;
pub(crate) use process::{Believed, Process};
pub(crate) use split::SplitPlaces;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wall;
