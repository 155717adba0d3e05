//! The arguments of `rgops top`, and the plain form for pipes.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use rgops_inspect::session::{Answer as _, TopOptions, TopRound, TopStream};

use super::keys::keys_help;
use super::live;
use crate::arguments::{AgentArguments, duration};
use crate::command::print;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = concat!(
    "Keys:\n",
    keys_help!(),
    "
A round looks at the program for one interval, at most 2 s: CPU samples at
49 Hz, then one capture of all stacks, and the list of tasks. The interval
is longer than asked when this costs the agent more than 1 % of a CPU; the
first line says so.

If standard output is not a terminal, or with --batch, the rounds are
printed as text; with --json, as one JSON document a line.

Examples:
  rgops top 4711
  rgops top shop --interval 5s
  rgops top shop --batch --count 1      one round as text
  rgops top shop --json --count 3 | jq '.threads[0]'"
))]
pub struct Top {
    #[command(flatten)]
    agent: AgentArguments,
    /// Time between two rounds, 200ms to 1h
    #[arg(long, short, value_name = "TIME", default_value = "2s", value_parser = interval)]
    interval: Duration,
    /// Print the rounds as text, also on a terminal
    #[arg(long, short)]
    batch: bool,
    /// End after N rounds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// Additional directory with debug files
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
}

impl Top {
    /// Runs the command.
    ///
    /// # Errors
    /// If the agent cannot be reached, or no longer answers.
    pub fn run(&self) -> Result<Exit, Failure> {
        let session = self.agent.session(&self.symbols)?;
        let title = format!("{} (pid {})", session.name(), session.pid());
        let rounds = session.top(&TopOptions::default().interval(self.interval));
        if self.agent.json || self.batch || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            return self.print(rounds, &title);
        }
        live::run(rounds, title, self.count)
    }

    /// Prints the rounds one after another.
    fn print(&self, mut rounds: TopStream, title: &str) -> Result<Exit, Failure> {
        let mut shown = 0;
        loop {
            let round = rounds.round()?;
            if !self.print_round(&round, title, shown > 0)? {
                return Ok(Exit::Success);
            }
            shown += 1;
            if self.count.is_some_and(|count| shown >= count) {
                return print::end(&round.completeness(), false, self.agent.json);
            }
            thread::sleep(round.pause());
        }
    }

    /// Returns false if standard output was closed.
    fn print_round(&self, round: &TopRound, title: &str, is_later: bool) -> Result<bool, Failure> {
        if self.agent.json {
            return terminal::print_on(&terminal::json_line(&round.json(&()))?);
        }
        let gap = if is_later { "\n" } else { "" };
        let title = rgops_inspect::text::escape(title);
        terminal::print_on(&format!("{gap}{title}: {}", round.text(&()).as_str()))
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    match (Duration::from_millis(200)..=Duration::from_secs(3600)).contains(&interval) {
        true => Ok(interval),
        false => Err("must be from 200ms to 1h".to_owned()),
    }
}
