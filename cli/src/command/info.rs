//! `rgops PID [DURATION]`: one process in detail, with or without an agent.

use std::time::Duration;

use rgops_inspect::budget;
use rgops_inspect::processes::{self, ResolveError};
use rgops_inspect::report::{info, list};

use crate::arguments::duration;
use crate::exit::{Exit, Failure};
use crate::{last_resort, terminal};

/// Arguments of `rgops info`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  rgops 4711\n  rgops 4711 2s\n  rgops 4711 --all\n  rgops info shop 500ms --json"
)]
pub struct Info {
    /// A pid or a unique process name
    pub target: String,
    /// Measure its CPU usage for DURATION: 2s, 500ms, or 2 for seconds
    #[arg(value_parser = duration)]
    pub duration: Option<Duration>,
    /// List each thread and each connection
    #[arg(long)]
    pub all: bool,
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}

impl Info {
    /// Prints the details; a value that cannot be read is reported as missing.
    ///
    /// # Errors
    /// No such process, several with this name, or a process of another user.
    pub fn run(&self) -> Result<Exit, Failure> {
        last_resort::watch(&budget::standard());
        let details = processes::details(&self.target, self.duration).map_err(|error| {
            let is_name = matches!(error, ResolveError::NoSuchName { .. });
            let mut failure = Failure::from(error);
            // `rgops stcak 7` arrives here as a target that does not exist.
            if is_name {
                failure.fix.push_str("; rgops --help lists the commands");
            }
            failure
        })?;
        match self.json {
            true => terminal::print_json(&info::json(&details))?,
            false => terminal::print(&info::text(&details, self.all))?,
        }
        if let Some(unseen) = list::unseen(details.unseen, &self.target) {
            terminal::note(&unseen);
        }
        Ok(Exit::Success)
    }
}
