//! `rgops diagnose`: a few seconds over everything the agent knows, then what is wrong, worst first.

use std::path::PathBuf;
use std::time::Duration;

use rgops_inspect::session::{DiagnoseOptions, Progress};

use super::print::print_by;
use crate::arguments::{AgentArguments, duration};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Looks for: deadlocks of tasks and futurelocks, workers stuck in one poll, lock
convoys, a full blocking pool, descriptors and memory near their limits,
blocking calls on workers, late timers, CPU starvation, a growing heap, growing
numbers of tasks, and the agent's own trouble. Each finding has its evidence,
the threads, tasks and lines concerned, and the command that shows more. `but`
says what else it could be. The last lines say what was looked at and what
could not be, with the reason.

It asks one command after the other and takes three stack dumps. A suspicion
that needs more evidence takes longer: 2 s for a heap that grows, up to 8 s for
a worker that may be in one poll and gets little CPU.

Exit code 8: there are findings. 0: nothing found. 6: nothing found, but some
answers failed or were incomplete.

Examples:
  rgops diagnose 4711
  rgops doctor shop -d 5s
  rgops diagnose 4711 --json | jq -r '.findings[] | \"\\(.kind): \\(.what)\"'
  rgops diagnose shop > /dev/null || alert")]
pub struct Diagnose {
    #[command(flatten)]
    agent: AgentArguments,
    /// Look for this long, 2s to 5s
    #[arg(
        long,
        short,
        visible_alias = "window",
        value_name = "TIME",
        default_value = "3s",
        value_parser = window
    )]
    duration: Duration,
    /// Additional directory with symbol and debug files
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
}

fn window(text: &str) -> Result<Duration, String> {
    let window = duration(text)?;
    match (Duration::from_secs(2)..=Duration::from_secs(5)).contains(&window) {
        true => Ok(window),
        false => Err("must be between 2s and 5s".to_owned()),
    }
}

impl Diagnose {
    /// Runs the command.
    ///
    /// # Errors
    /// If the agent cannot be reached, or answers nothing.
    pub fn run(&self) -> Result<Exit, Failure> {
        let mut session = self.agent.session(&self.symbols)?;
        let spinner = terminal::spinner();
        let options = DiagnoseOptions::default().window(self.duration);
        let diagnosis = session.diagnose(&options, &mut |progress| match progress {
            Progress::Listing { .. } | Progress::Decoding { .. } => spinner.say("looking at the tasks"),
            Progress::DebugInformation => {
                spinner.say("reading debug information; it is cached for this build");
            }
            Progress::Gathering { .. } => spinner.say("looking at threads, CPU and memory"),
            Progress::Watching => spinner.say("watching a worker that may be in one poll"),
            Progress::Naming => spinner.say("naming the frames of threads"),
            _ => {}
        })?;
        spinner.clear();
        let printed = print_by(&diagnosis, &(), self.agent.json, terminal::print_highlighted)?;
        Ok(match diagnosis.findings().is_empty() {
            true => printed,
            false => Exit::Findings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_has_bounds() {
        assert_eq!(window("2500ms"), Ok(Duration::from_millis(2500)));
        assert!(window("1s").is_err() && window("6s").is_err());
    }
}
