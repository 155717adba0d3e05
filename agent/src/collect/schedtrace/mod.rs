//! `schedtrace`: what the watched runtimes' schedulers do, a moment an interval, streamed.
//!
//! Reading costs a few atomic loads a worker, so it runs beside other commands. Each moment has the memory that
//! the client asked for: by the program's debug information it knows what stable Tokio keeps there and has no
//! method for.

#![cfg(target_os = "linux")]

mod collector;
pub(crate) mod follow;

pub(crate) use collector::{INTERVAL_MS, collect};
