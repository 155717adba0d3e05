//! Reads `/proc` (proc(5)); Linux only. It uses no other module of this crate: the list of processes and the
//! client's check of the peer both use it.

mod environment;
mod file;
mod living;
mod sockets;
mod stat;
mod status;
mod table;

pub(crate) use environment::{StartEnvironment, command_line};
pub(crate) use file::{pids, read};
pub(crate) use living::{directory, is_leaderless, living_thread, open_living};
pub(crate) use sockets::{MAX_DESCRIPTORS, each_socket, socket_inode};
pub(crate) use stat::{Stat, is_cut_from};
pub(crate) use status::Status;
pub(crate) use table::each_line;
