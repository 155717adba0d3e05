//! The frozen bytes of version 1: every message type is checked with `codec` and with `wincode`, an independent
//! implementation of the same format. The bytes are in `golden/*.hex` or in the test.
//!
//! A change that makes a test here fail is a new version of that command. Only a message that was never
//! released may be rewritten, with `RGOPS_BLESS=1 cargo test -p rgops-protocol golden`.
//!
//! A new command has its `golden!` lines in its own file, `reply/MODULE.rs`, with the bytes as another
//! argument.

#![expect(clippy::unwrap_used, reason = "tests")]

pub(crate) mod bytes;
mod connection;
mod heap;
mod process;
mod runtimes;
mod samples;
mod threads;

pub(crate) use bytes::golden;
