//! Which sockets listen, as the kernel's table of a network namespace says (proc_pid_net(5)): a socket's
//! file outlives its listener, and a listener its file.
//!
//! Whoever may make sockets fills this table, with what names they like. So it is read line by line until a
//! deadline, only lines with names that are looked for are kept, and a line is believed only when the process
//! has a descriptor of that very socket. A name may hold line ends, and so something that looks like a line:
//! that is seen by its place, within the longest name behind the path of another socket, and then believed
//! only when no other line is of the same socket.

mod claims;
mod descriptors;
mod line;
mod table;
#[cfg(test)]
mod tests;

pub(super) use claims::Claims;
pub(super) use table::{LONGEST_READ, Table, namespace};
