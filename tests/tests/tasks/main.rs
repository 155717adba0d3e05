//! `tasks` and `schedtrace`: programs with known tasks and schedulers, in every kind of future, with many tasks,
//! under load and stuck. `RGOPS_LONG=1` measures longer, `RGOPS_BLESS=1` writes the files that `golden` expects,
//! `RGOPS_MATRIX=1` the table of docs/SUPPORT.md.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod churn;
mod crowd;
mod golden;
mod moving;
mod schedtrace_agrees;
mod schedtrace_detail;
mod schedtrace_environment;
mod stuck;
mod support;

use rgops_tests::turns::alone;
