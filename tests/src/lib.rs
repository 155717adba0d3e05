//! Code that the end-to-end tests share: real executables, built as users build them, and real processes.

#[cfg(target_os = "linux")]
pub mod asking;
#[cfg(unix)]
pub mod built;
#[cfg(unix)]
pub mod directory;
#[cfg(target_os = "linux")]
pub mod golden;
#[cfg(unix)]
pub mod impostor;
#[cfg(target_os = "linux")]
pub mod itself;
#[cfg(target_os = "linux")]
pub mod listing;
pub mod masks;
#[cfg(target_os = "linux")]
pub mod matrix;
#[cfg(target_os = "linux")]
pub mod profiled;
#[cfg(unix)]
pub mod program;
#[cfg(target_os = "linux")]
pub mod running;
pub mod schema;
#[cfg(target_os = "linux")]
pub mod seccomp;
#[cfg(unix)]
pub mod snapshot;
#[cfg(target_os = "linux")]
pub mod target;
#[cfg(target_os = "linux")]
pub mod tasks;
#[cfg(target_os = "linux")]
pub mod terminal;
#[cfg(target_os = "linux")]
pub mod traced;
pub mod turns;
#[cfg(unix)]
pub mod waiting;

#[cfg(test)]
mod documents;
#[cfg(test)]
mod module_cycles;
#[cfg(doctest)]
mod readmes;
#[cfg(test)]
mod unsafe_code;
#[cfg(test)]
mod workspace;
