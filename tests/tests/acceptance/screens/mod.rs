//! Every screen is as in `snapshots/`, of programs in a known state: on a pipe, and on terminals of 80 and 140 columns.
//! The help and the errors have theirs in `cli/tests/snapshots`, JSON has `inspect/schemas`.

mod masked;
mod programs;
mod screen;
