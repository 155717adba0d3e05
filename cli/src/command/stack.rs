//! `rgops stack`: every thread and its stack.

use std::path::PathBuf;

use rgops_inspect::session::{StackOptions, StackView};

use super::print::print;
use crate::arguments::AgentArguments;
use crate::exit::{Exit, Failure};

/// Its description and its position in `rgops --help`.
pub(crate) const ABOUT: &str = "Show every thread and its stack";
pub(crate) const PLACE: usize = 40;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Threads with the same stack are shown once. Exit code 6: a thread's stack is missing or incomplete.

Examples:
  rgops stack 4711                          see why a service hangs
  rgops stack shop --all                    every thread separately
  rgops stack 4711 --symbols target/release names for a stripped program")]
pub struct Stack {
    #[command(flatten)]
    agent: AgentArguments,
    /// Show every thread separately, including those with the same stack
    #[arg(long)]
    all: bool,
    /// Maximum frames per stack, innermost first
    #[arg(long, value_name = "FRAMES", default_value_t = 256)]
    depth: u32,
    /// Additional directory with symbol files
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
}

impl Stack {
    /// Runs the command.
    ///
    /// # Errors
    /// If there is no answer, or the answer ended early (the received part is printed first).
    pub fn run(&self) -> Result<Exit, Failure> {
        let options = StackOptions::default().depth(self.depth);
        let stack = self.agent.session(&self.symbols)?.stack(&options)?;
        print(&stack, &StackView::default().all(self.all), self.agent.json)
    }
}
