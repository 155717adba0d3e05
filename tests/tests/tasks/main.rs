//! `tasks` and `schedtrace`: programs whose tasks and schedulers are known, in every kind of future, in crowds, in
//! motion and stuck. `RGOPS_LONG=1` takes longer looks, `RGOPS_BLESS=1` writes what `golden` expects,
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
