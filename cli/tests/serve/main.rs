//! `rgops serve` with real programs, sockets and `go tool pprof`.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod client;
mod many;
mod profiles;
#[path = "../program/mod.rs"]
mod program;
mod refusals;
mod server;
mod target;

use rgops_agent::alloc::Sampling;

/// For the target, which is this executable.
#[global_allocator]
static ALLOCATOR: Sampling<std::alloc::System> = Sampling::new(std::alloc::System);
