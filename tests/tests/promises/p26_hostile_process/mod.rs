//! Promise 26: root's rgops opens, follows and trusts nothing that a foreign process names without checking it first.
//! Every answer has a memory budget and a deadline.
//!
//! The process (`tests/src/bin/hostile`) runs as another user. Its executable has a name, a compiler's version,
//! arguments and variables that are as long and as harmful as the system allows, and its socket answers with one of
//! many shapes of attack. Each command must end in time, within its memory limit, with an exit code of the table,
//! without a panic, and without touching any file except its output. By default only some combinations run, with a
//! low memory limit; `RGOPS_LONG=1` runs all of them with rgops' own limit.

mod attacks;
mod command;
mod place;
