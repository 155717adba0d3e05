//! The command line `rgops`: arguments, terminal, exit codes. Everything else is in `rgops-inspect`.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(unused_crate_dependencies))]

pub mod arguments;
pub mod command;
pub mod command_line;
#[cfg(test)]
mod complete;
pub mod exit;
mod last_resort;
pub mod terminal;
#[cfg(test)]
mod texts;
mod wrong_line;

use std::process::ExitCode;

use clap::Parser;

/// Parses the command line, runs the command and prints its failure. `main` only calls this.
///
/// A wrong command line ends the process here with exit code 2, `--help` and `--version` with 0.
pub fn run() -> ExitCode {
    let line = command::pprof_heap::accept_spelling_of_go(std::env::args_os());
    let words = line.clone();
    let line = command::pprof::accept_spelling_of_pprof(line);
    let parsed = command_line::CommandLine::try_parse_from(line)
        .unwrap_or_else(|error| wrong_line::exit(command::pprof::with_tip_of_pprof(error, &words)));
    match parsed.run() {
        Ok(exit) => exit.into(),
        Err(failure) => {
            terminal::print_failure(&failure);
            failure.exit.into()
        }
    }
}
