//! The frozen bytes of version 1: every message type is checked with `codec` and with `wincode`, an independent
//! implementation of the same format. The bytes are in `golden/*.hex` or in the test.
//!
//! A change that makes a test here fail is a new version of that command. Only a message that was never
//! released may be rewritten, with `RGOPS_BLESS=1 cargo test -p rgops-protocol golden`.
//!
//! A new command has its `golden!` lines (`crate::golden::golden`) in its own file, `reply/MODULE.rs`,
//! with the bytes as a fourth argument.

#![expect(clippy::unwrap_used, reason = "tests")]

mod conversation;
pub(crate) mod frozen;
mod gc;
mod handshake;
mod heap_rate;
mod memstats;
mod pprof_cpu;
mod pprof_heap;
mod read;
mod samples;
mod schedtrace;
mod stack;
mod stats;
mod tasks;
mod trace;
mod version;
mod words;

pub(crate) use frozen::golden;
