//! `rgops`: ask a running Rust program.

use std::process::ExitCode;

fn main() -> ExitCode {
    rgops::run()
}
