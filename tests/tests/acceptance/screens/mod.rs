//! Every screen matches its file in `snapshots/`, for programs in a known state: on a pipe, and on terminals of 80
//! and 140 columns. The snapshots of help and errors are in `cli/tests/snapshots`; JSON is checked by
//! `inspect/schemas`.

mod masked;
mod programs;
mod screen;
