//! Captures and heaps of programs that are hard to inspect: other users, code that is loaded and unloaded, no
//! symbols, other allocators. `RGOPS_LONG=1` measures longer.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod allocators;
mod credentials;
#[cfg(all(target_env = "gnu", feature = "engine-pprof"))]
mod engine_pprof;
mod heap;
#[cfg(target_env = "gnu")]
mod modules;
mod odd_targets;

use rgops_tests::turns::alone;
