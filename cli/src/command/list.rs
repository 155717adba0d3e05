//! `rgops`: the Rust processes of this host.

use std::io;

use rgops_inspect::budget;
use rgops_inspect::processes::{self, Listing};
use rgops_inspect::report::list;

use crate::exit::{Exit, Failure};
use crate::{last_resort, terminal};

/// Arguments of `rgops list`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Columns: PID, parent PID, name (* means it has an agent), compiler, path.
`contains Rust` marks a C or C++ program that contains Rust code.

Examples:
  rgops
  rgops --json | jq '.[] | select(.agent) | .pid'")]
pub struct List {
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}

impl List {
    /// Prints the list; unreadable processes are reported on standard error.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn run(&self) -> Result<Exit, Failure> {
        let listing = listing()?;
        match self.json {
            true => terminal::print_json(&list::json(&listing))?,
            false => terminal::print(&list::text(&listing))?,
        }
        report_missing(&listing);
        Ok(Exit::Success)
    }
}

/// Lists the processes.
pub(super) fn listing() -> Result<Listing, Failure> {
    last_resort::watch(&budget::standard());
    processes::list().map_err(|error| {
        let fix = match error.kind() {
            io::ErrorKind::Unsupported => "pass a socket path or host:port to a command",
            io::ErrorKind::NotFound => "run rgops where /proc is mounted",
            _ => "",
        };
        Failure::new(Exit::Internal, "cannot list processes", error.to_string(), fix)
    })
}

/// Reports how many processes could not be read.
pub(super) fn report_missing(listing: &Listing) {
    for missing in list::missing(listing) {
        terminal::note(&missing);
    }
}
