//! What the example programs share: how long they run, how they say that they are there, and what
//! the kernel knows about their threads.
//!
//! The programs themselves are in `src/bin`; `cargo run --release -p rgops-examples` runs `tour`,
//! which shows every command of rgops on `shop`.
#![forbid(unsafe_code)]

pub mod announce;
pub mod lifetime;
pub mod threads;
