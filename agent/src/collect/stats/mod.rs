//! `stats`: the activity of the process, its threads and its Tokio runtimes, measured over a short window,
//! and the costs of the agent itself.

#![cfg(target_os = "linux")]

mod collector;

pub(crate) use collector::collect;
