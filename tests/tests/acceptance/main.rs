//! The examples know the truth about themselves, which rgops must report. Other tools (gdb, `go tool pprof`,
//! Perfetto) read the same programs and files as referees. `RGOPS_LONG=1` measures longer.
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
mod top;

mod trace;

use rgops_tests::turns::alone;
