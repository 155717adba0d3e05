//! `rgops`: ask a running Rust program.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    rgops::run()
}
