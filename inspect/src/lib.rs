//! The inspector as a library: find processes, ask the agents in them, make names, profiles and reports.
//!
//! What holds for all of it:
//!
//! * Everything that another process says, and every file it names, is treated as hostile: a command has limits of
//!   memory and time ([`budget`]), and what does not fit is left out and counted.
//! * What is missing is said with its reason and what would fix it, and is never 0.
//! * Nothing is printed. Files are written where the caller says.
//!
//! [`session`] is the way in: a [`Session`], and a method a command. Every Tokio task of a program:
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
//! Below it: [`processes`] finds what can be asked, [`client`] asks, [`symbols`] has names and lines, [`report`] has
//! text and JSON. The schemas of the JSON documents are files of this crate, `schemas/COMMAND.json`.

#![deny(unsafe_code)]
#![warn(unused_crate_dependencies)]

pub mod budget;
pub mod client;
#[cfg(test)]
mod error_texts;
mod files;
pub mod heap;
#[cfg(target_os = "linux")]
mod identity;
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
pub mod trace;

pub use session::{Answer, Session};
