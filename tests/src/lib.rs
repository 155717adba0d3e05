//! What the end-to-end tests share: real executables, built as users build them, and real processes.

#[cfg(target_os = "linux")]
pub mod asking;
pub mod built;
#[cfg(target_os = "linux")]
pub mod directory;
#[cfg(target_os = "linux")]
pub mod golden;
#[cfg(unix)]
pub mod impostor;
pub mod itself;
#[cfg(target_os = "linux")]
pub mod listing;
#[cfg(target_os = "linux")]
pub mod matrix;
pub mod profiled;
pub mod running;
#[cfg(target_os = "linux")]
pub mod seccomp;
#[cfg(target_os = "linux")]
pub mod target;
#[cfg(target_os = "linux")]
pub mod tasks;
pub mod traced;
pub mod turns;
#[cfg(target_os = "linux")]
pub mod waiting;
