//! The program `rgops`.

use std::process::ExitCode;

fn main() -> ExitCode {
    rgops::run()
}
