//! `rgops stack`: every thread and where it is.

use std::path::PathBuf;

use rgops_inspect::report::stack::{JsonStack, StackReport};
use rgops_protocol::reply::stack::StackPart;
use rgops_protocol::request::{Request, StackRequest};

use crate::exit::{Exit, Failure};
use crate::terminal;

/// What it does, in `rgops --help`, and its place there.
pub(super) const ABOUT: &str = "Show every thread and its stack";
pub(super) const PLACE: usize = 40;

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
    agent: super::AgentArguments,
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
        let (client, target) = self.agent.connect()?;
        let hello = client.hello().clone();
        let mut answer = client.ask(&Request::Stack(StackRequest { max_depth: self.depth }))?;
        let collected = answer.collect::<StackPart>(&mut |_| {});
        if collected.parts.is_empty()
            && let Err(error) = collected.end
        {
            return Err(error.into());
        }
        let budget = answer.budget();
        let report = StackReport::within(budget, &hello, target.local_pid, &self.symbols, collected.parts);
        if let Some((count, why)) = &report.left_out {
            terminal::left_out(*count, "threads", why);
        }
        let is_cut;
        if self.agent.json {
            let reason = collected.end.as_ref().map_err(ToString::to_string);
            let reason = reason.as_ref().map(|end| *end).map_err(String::as_str);
            let json = JsonStack::new(&report, reason);
            is_cut = json.cut().is_some();
            terminal::print_json(&json)?;
        } else {
            let screen = report.screen(self.all);
            is_cut = screen.is_cut();
            terminal::print(screen.as_str())?;
        }
        let whole = if is_cut || report.left_out.is_some() { Exit::Partial } else { Exit::Fine };
        match collected.end {
            Ok(end) if self.agent.json => Ok(terminal::exit_of(&end).or(whole)),
            Ok(end) => Ok(terminal::print_notes(&end).or(whole)),
            Err(error) => Err(Failure::from(error).with_exit(Exit::Partial)),
        }
    }
}
