//! Finds processes: which are Rust, which have an agent, and which one a target name means.
//!
//! `reader::ProcessReader` defines the questions to the system; `host` names the reader of this one. Linux
//! has its own reader of `/proc`; other systems use `sysinfo`. Agents run on Linux only, so on other systems
//! only TCP addresses can be asked.

mod address;
mod blocking;
mod details;
mod find;
mod host;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(test, not(target_os = "linux")))]
mod portable;
mod process;
mod reader;
mod resolve;
mod resolve_error;
mod target;
#[cfg(unix)]
mod user;

pub use details::{Connection, ProcessDetails, Thread};
pub use find::{details, list};
pub(crate) use find::{few_descriptors, sockets};
pub use process::{AgentSocket, Listing, LostAgent, LostBecause, RustCompiler, RustProcess, Suspension};
pub use resolve::resolve;
pub use resolve_error::ResolveError;
pub use target::Target;
