//! `schedtrace`: the activity of the watched runtimes' schedulers, one moment for each interval, streamed.
//!
//! Reading costs a few atomic loads per worker, so it runs concurrently with other commands. Each moment has the
//! memory that the client requested. The client knows from the program's debug information where Tokio keeps the
//! values that its stable API does not report.

#![cfg(target_os = "linux")]

mod collector;
pub(crate) mod follow;

pub(crate) use collector::{INTERVAL_MS, collect};
