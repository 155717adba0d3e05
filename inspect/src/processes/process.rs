//! A Rust process and its agent's socket, as the list shows them.

use std::path::PathBuf;

use rgops_protocol::discovery::SocketName;

/// What [`super::list`] found.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Ascending by pid.
    pub processes: Vec<RustProcess>,
    /// Processes whose executable we may not read, so whether they are Rust is unknown.
    pub unreadable: usize,
    /// Whether root looked: then the unreadable ones are not other users' but denied by the system.
    pub as_root: bool,
}

/// A Rust process.
#[derive(Debug, Clone)]
pub struct RustProcess {
    /// Process id in our pid namespace.
    pub pid: u32,
    /// Its parent.
    pub parent: u32,
    /// Its name: the kernel's, completed from the executable's where the kernel cut it to 15 bytes.
    /// The program can set it to anything.
    pub name: String,
    /// Effective user.
    pub uid: u32,
    /// Path of the executable in its own mount namespace, followed by ` (deleted)` when it was
    /// replaced or removed.
    pub path: String,
    /// The compiler; `None` for a program of another language that has loaded an agent.
    pub compiler: Option<RustCompiler>,
    /// Its agent, if it has one.
    pub agent: Option<AgentSocket>,
}

/// The socket of an agent on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSocket {
    /// A path by which *we* reach it: as the agent has it, or through `/proc/PID/root`.
    pub path: PathBuf,
    /// Process id, in the agent's own pid namespace, and start time, which its hello must repeat.
    pub name: SocketName,
}

/// How Rust comes into an executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RustCompiler {
    /// `1.95.0 (59807616e 2026-04-14)`: what `rustc -V` says behind its name.
    pub version: String,
    /// Whether `main` was not made by rustc: a C or C++ program that contains Rust.
    pub contains_only: bool,
}

impl RustCompiler {
    /// `1.95.0`, without commit and date.
    pub fn short_version(&self) -> &str {
        self.version.split(' ').next().unwrap_or(&self.version)
    }
}
