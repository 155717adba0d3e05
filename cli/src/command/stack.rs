//! `rgops stack`: every thread and where it is.

use std::path::PathBuf;

use rgops_inspect::session::{StackOptions, StackView};

use super::print::print;
use crate::arguments::AgentArguments;
use crate::exit::{Exit, Failure};

/// What it does, in `rgops --help`, and its place there.
pub(crate) const ABOUT: &str = "Show every thread and its stack";
pub(crate) const PLACE: usize = 40;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Threads at the same place are shown once. Exit code 6: a thread's stack is missing or cut.

Examples:
  rgops stack 4711                          what a hung service waits for
  rgops stack shop --all                    every thread by itself
  rgops stack 4711 --symbols target/release names for a stripped program")]
pub struct Stack {
    #[command(flatten)]
    agent: AgentArguments,
    /// Show every thread by itself, also those at the same place
    #[arg(long)]
    all: bool,
    /// Keep so many frames of each stack, the innermost
    #[arg(long, value_name = "FRAMES", default_value_t = 256)]
    depth: u32,
    /// Look for symbol files in this directory, too
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
}

impl Stack {
    /// Runs the command.
    ///
    /// # Errors
    /// When nothing was answered, or the answer broke off (what came is printed before).
    pub fn run(&self) -> Result<Exit, Failure> {
        let options = StackOptions::default().depth(self.depth);
        let stack = self.agent.session(&self.symbols)?.stack(&options)?;
        print(&stack, &StackView::default().all(self.all), self.agent.json)
    }
}
