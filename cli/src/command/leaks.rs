//! `rgops leaks`: the lines of the program with growing memory.

use std::path::PathBuf;
use std::time::Duration;

use rgops_inspect::session::LeaksOptions;

use super::gathering::Gathering;
use super::print::print;
use crate::arguments::{AgentArguments, duration};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
  growth, per minute  growth of the blocks that a line allocated and kept
  at least            lower bound of the growth, with 95 % confidence
  confidence          100 % minus the probability of such growth by chance
  samples             sampled blocks gained and lost; more samples are more certain
  grew in             number of intervals between snapshots in which it grew

A line is reported only if the probability of such growth by chance is below 5 %, over all lines
together, and the growth continues in the second half of the window. Blocks younger than a tenth of the
window are counted separately: most will soon be freed. A program that still warms up grows everywhere:
run the command again later.
Ctrl-C ends the window early and keeps what was gathered; a second Ctrl-C aborts.
Exit code 6: samples were lost, or the program ended.

Examples:
  rgops leaks 4711                    one minute
  rgops leaks shop -d 10m             slow leaks need long windows
  rgops leaks 4711 -d 60s --json | jq -r '.grown[] | \"\\(.file):\\(.line) \\(.growth_bytes_per_minute)\"'
  rgops heap-rate 4711 64KiB          more samples: faster results, higher cost")]
pub struct Leaks {
    #[command(flatten)]
    agent: AgentArguments,
    /// Watch for this long: 60s, 10m, or a number of seconds
    #[arg(
        long,
        short,
        visible_aliases = ["for", "seconds"],
        value_name = "TIME",
        default_value = "60s",
        value_parser = duration
    )]
    duration: Duration,
    /// Additional directory with symbol files
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
}

impl Leaks {
    /// Runs the command.
    ///
    /// # Errors
    /// If the agent cannot be reached, its source of samples does not report the ages of blocks, or the answer
    /// ended early (the received part is printed first).
    pub fn run(&self) -> Result<Exit, Failure> {
        let mut session = self.agent.session(&self.symbols)?;
        let stopper = session.stopper();
        terminal::on_interrupt(move || stopper.stop())?;
        let mut gathering = Gathering::new("Watching the heap", "snapshots", self.duration);
        let options = LeaksOptions::default().window(self.duration);
        let leaks = session.leaks(&options, &mut |progress| gathering.show(progress))?;
        print(&leaks, &(), self.agent.json)
    }
}
