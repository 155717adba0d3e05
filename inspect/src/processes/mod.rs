//! Finds processes: which are Rust, which have an agent, what a target name means.
//!
//! [`reader::ProcessReader`] is what a system is asked; `host` names the reader of this one. Linux has its own
//! reader of `/proc`. On other systems only socket paths and TCP addresses can be targets; the rest says so.

mod address;
mod crowd;
mod details;
mod find;
mod host;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod portable;
mod process;
mod reader;
mod resolve;
mod resolve_error;
mod target;

pub use details::{Connection, ProcessDetails};
pub use find::{details, list};
pub use process::{AgentSocket, Listing, LostAgent, LostBecause, RustCompiler, RustProcess};
pub use resolve::resolve;
pub use resolve_error::ResolveError;
pub use target::Target;
