//! The inspector as a library: finds processes, asks agents, resolves names and makes reports.

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
