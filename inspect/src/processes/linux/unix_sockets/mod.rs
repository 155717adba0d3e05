//! Finds which sockets listen, from the kernel's table of a network namespace (proc_pid_net(5)): a socket's
//! file may outlive its listener, and a listener its file.
//!
//! Any user that can create sockets fills this table, with any names. So it is read line by line until a
//! deadline, only lines with wanted names are kept, and a line is trusted only when the process has a
//! descriptor of that same socket. A name may contain line ends, and so a text that looks like a line. Such a
//! text is detected by its position: it is within the longest name after the path of another socket. It is
//! then trusted only when no other line belongs to the same socket.

mod claims;
mod descriptors;
mod line;
mod table;
#[cfg(test)]
mod tests;

pub(super) use claims::Claims;
pub(super) use table::{LONGEST_READ, Table, namespace};
