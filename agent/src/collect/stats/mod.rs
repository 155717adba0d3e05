//! `stats`: what the process, its threads and its Tokio runtimes do, measured over a short window,
//! and what the agent itself costs.

#![cfg(target_os = "linux")]

mod collector;

pub(crate) use collector::collect;
