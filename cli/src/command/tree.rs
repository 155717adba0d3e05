//! `rgops tree`: the Rust processes of this host as a tree.

use rgops_inspect::report::tree;

use super::list::{listing, report_missing};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Arguments of `rgops tree`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "[*] marks processes that have an agent; a bare PID is a parent that is not a Rust program."
)]
pub struct Tree {
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

impl Tree {
    /// Prints the tree; unreadable processes are reported on standard error.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn run(&self) -> Result<Exit, Failure> {
        let listing = listing()?;
        match self.json {
            true => terminal::print_json(&tree::json(&listing))?,
            false => terminal::print(&tree::text(&listing))?,
        }
        report_missing(&listing);
        Ok(Exit::Success)
    }
}
