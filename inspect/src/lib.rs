//! The inspector as a library: finds processes, asks their agents, and makes names, profiles and reports.
//!
//! Rules of the whole crate:
//!
//! * All data from another process, and every file that it names, is treated as hostile: a command has limits of memory
//!   and time ([`budget`]), and data beyond them is left out and counted.
//! * A missing value is shown with a reason and a fix, and never as 0.
//! * The crate does not print anything. Files are written where the caller requests.
//!
//! [`session`] is the entry point: a [`Session`] has one method per command. This example prints every Tokio task of a
//! program:
//!
//! ```no_run
//! use rgops_inspect::session::{Session, TasksOptions};
//!
//! # fn main() -> Result<(), rgops_inspect::session::SessionError> {
//! let mut session = Session::connect("4711")?;
//! for task in session.tasks(&TasksOptions::default(), &mut |_| {})?.tasks() {
//!     println!("task {} {:?} {:?}", task.id, task.state, task.future);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The layers below: [`processes`] finds processes with agents, [`client`] sends requests, [`symbols`] resolves names and
//! lines, [`report`] makes text and JSON. The schemas of the JSON documents are files of this crate, `schemas/COMMAND.json`.

#![forbid(unsafe_code)]
#![warn(unused_crate_dependencies)]

pub mod budget;
mod cache;
pub mod client;
pub mod code;
pub mod debuginfod;
pub mod diagnose;
#[cfg(test)]
mod error_texts;
mod files;
pub mod heap;
#[cfg(target_os = "linux")]
mod identity;
pub mod locks;
#[cfg(test)]
mod made;
pub mod output;
pub mod own_use;
pub mod processes;
#[cfg(target_os = "linux")]
mod procfs;
pub mod profile;
pub mod report;
pub mod schedtrace;
pub mod session;
pub mod symbols;
pub mod tasks;
pub mod text;
pub mod token_file;
pub mod top;
pub mod trace;
mod waits;

pub use session::{Answer, Session};
