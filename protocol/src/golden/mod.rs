//! The bytes of version 1, frozen: every message type, from `golden/*.hex` or beside the test, decoded by
//! `codec` and by `wincode`, an independent implementation of the same format.
//!
//! A change that makes this fail is a new version of that command. Only a message that was never
//! released may be rewritten, with `RGOPS_BLESS=1 cargo test -p rgops-protocol golden`.
//!
//! A new command has its `golden!` lines (`crate::golden::golden`) in its own file, `reply/MODULE.rs`,
//! with the bytes as a fourth argument.

#![expect(clippy::unwrap_used, reason = "tests")]

mod conversation;
mod frozen;
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

pub(crate) use frozen::golden;
