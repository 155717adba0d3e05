//! placeholder (listener helper writes the crate docs)
pub mod allocator;
#[cfg(target_os = "linux")]
mod beside;
#[cfg(target_os = "linux")]
mod busy;
mod collect;
mod counters;
#[cfg(target_os = "linux")]
mod engine;
#[cfg(target_os = "linux")]
mod executable;
#[cfg(target_os = "linux")]
mod procfs;
mod watched;
