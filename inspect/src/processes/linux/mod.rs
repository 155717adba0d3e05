//! Processes as `/proc` shows them. A list takes a fraction of the time that `sysinfo` needs, and only
//! `/proc/PID/{exe,root}` lead to replaced executables and other namespaces.

mod agents;
mod circumstances;
mod compiler;
mod connections;
mod listing;
mod numbers;
mod reader;
mod requested;
mod suspended;
mod threads;
mod unix_sockets;

pub(super) use circumstances::{is_elsewhere, other_namespace, zombie_parent};
pub(super) use connections::of_descriptors;
pub(super) use reader::Linux;
pub(super) use requested::{Requested, is_inside, local_pid, wait_for_binding};
pub(super) use suspended::suspended_agent;
pub(super) use threads::open_descriptors;
