//! Processes as `/proc` shows them. A list takes a fraction of what `sysinfo` needs for it, and only
//! `/proc/PID/{exe,root}` reach replaced executables and other namespaces.

mod agents;
mod asked;
mod compiler;
mod connections;
mod listing;
mod numbers;
mod reader;
mod unix_sockets;

pub(super) use asked::{Asked, is_inside, local_pid, wait_for_binding};
pub(super) use reader::Linux;
