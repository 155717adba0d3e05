//! `rgops stack`: every thread and its stack.

use std::path::PathBuf;
use std::time::Duration;

use rgops_inspect::session::{StackOptions, StackView};

use super::print::print;
use crate::arguments::{AgentArguments, MOST_FRAMES, duration};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Its description and its position in `rgops --help`.
pub(crate) const ABOUT: &str = "Show every thread and its stack";
pub(crate) const PLACE: usize = 40;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Threads with the same stack are shown once; what is blocked in the program's code or running comes first. Exit code 6: a thread's stack is missing or incomplete.

Examples:
  rgops stack 4711                          see why a service hangs
  rgops stack shop --all                    every thread separately
  rgops stack shop --verbose                every frame, also of idle threads
  rgops stack shop --for 5s                 which threads did not move in 5 seconds
  rgops stack 4711 --symbols target/release names for a stripped program")]
pub struct Stack {
    #[command(flatten)]
    agent: AgentArguments,
    /// Show every thread separately, including those with the same stack
    #[arg(long)]
    all: bool,
    /// Every frame with its whole path, also of idle threads
    #[arg(long)]
    verbose: bool,
    /// Maximum frames per stack, innermost first, up to 512
    #[arg(long, value_name = "FRAMES", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=MOST_FRAMES))]
    depth: u32,
    /// Look twice with this time in between, and mark the threads that did not move
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    watch: Option<Duration>,
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
        let options = StackOptions::default().depth(self.depth).watch(self.watch);
        let mut session = self.agent.session(&self.symbols)?;
        if let Some(seconds) = self.watch.map(|time| time.as_secs_f64()).filter(|seconds| *seconds > 1.0) {
            terminal::say(&format!("Watching the threads now, will take {seconds} secs..."));
        }
        let stack = session.stack(&options)?;
        // Not on a terminal, or with NO_COLOR, the colours are removed where the text is printed.
        let view = StackView::default().all(self.all).verbose(self.verbose).color(true);
        print(&stack, &view, self.agent.json)
    }
}
