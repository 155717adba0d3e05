//! The examples, which know about themselves what rgops must say of them; and other people's tools on the same
//! programs and files, as referees (gdb, `go tool pprof`, Perfetto). `RGOPS_LONG=1` takes longer looks.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod a_tour;
mod deadlock;
mod heap;
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
mod quiet;
mod referee_gdb;
mod referee_perfetto;
mod referee_pprof;
mod schemas;
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
mod screens;
mod session;
mod shop;
mod split;
mod stuck;

mod trace;

use rgops_tests::turns::alone;
