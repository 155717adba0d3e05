//! placeholder (listener helper writes the crate docs)
mod collect;
mod counters;
#[cfg(target_os = "linux")]
mod engine;
#[cfg(target_os = "linux")]
mod procfs;
mod watched;
