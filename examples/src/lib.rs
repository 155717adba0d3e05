//! Code that the example programs share: how long they run, how they announce themselves, and what the kernel reports
//! about their threads.
//!
//! The programs themselves are in `src/bin`; `cargo run --release -p rgops-examples` runs `tour`,
//! which shows every command of rgops on `shop`.
#![forbid(unsafe_code)]

pub mod announce;
pub mod lifetime;
pub mod threads;
