//! Finds processes: which are Rust, which have an agent, what a target name means.
//!
//! Reads `/proc` itself instead of asking `sysinfo`: a list takes a fraction of the time, and only
//! `/proc/PID/{exe,root}` reach replaced executables and other namespaces. On systems other than
//! Linux only socket paths and TCP addresses can be targets; the rest says so.

#[cfg(target_os = "linux")]
mod agents;
#[cfg(target_os = "linux")]
mod bound;
#[cfg(target_os = "linux")]
mod compiler;
#[cfg(target_os = "linux")]
mod connections;
#[cfg(target_os = "linux")]
mod crowd;
mod details;
#[cfg(target_os = "linux")]
mod listing;
#[cfg(not(target_os = "linux"))]
#[path = "unsupported.rs"]
mod listing;
mod process;
#[cfg(target_os = "linux")]
mod procfs;
mod target;

pub use details::{Connection, ProcessDetails, details};
pub use listing::list;
pub use process::{AgentSocket, Listing, LostAgent, LostBecause, RustCompiler, RustProcess};
pub use target::{ResolveError, Target, resolve};
