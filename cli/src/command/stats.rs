//! `rgops stats`: the activity of the process, its threads and its Tokio runtimes, and the agent's cost.

use std::time::Duration;

use rgops_inspect::session::{StatsOptions, StatsView};

use super::print::print;
use crate::arguments::{AgentArguments, duration};
use crate::exit::{Exit, Failure};

/// Its description and its position in `rgops --help`.
pub(crate) const ABOUT: &str = "Show threads, descriptors, CPU and the Tokio runtimes";
pub(crate) const PLACE: usize = 70;

const EXAMPLES: &str = "\
Examples:
  rgops stats 4711              threads, descriptors, CPU, runtimes, over 200 ms
  rgops stats shop -d 2s        shares over a longer time
  rgops stats 4711 --json | jq '.runtimes[].alive_tasks'

busy [ 100% 0% ] is each worker's share of the window, including a poll that never ends. runnable is
the time that a thread was ready to run but had no CPU.";

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Stats {
    #[command(flatten)]
    agent: AgentArguments,
    /// Measurement window, 20ms to 2s
    #[arg(
        long,
        short,
        visible_alias = "window",
        value_name = "TIME",
        default_value = "200ms",
        value_parser = window
    )]
    duration: Duration,
    /// List every thread, not only the busiest
    #[arg(long)]
    all: bool,
}

fn window(text: &str) -> Result<Duration, String> {
    let window = duration(text)?;
    if (Duration::from_millis(20)..=Duration::from_secs(2)).contains(&window) {
        Ok(window)
    } else {
        Err("must be between 20ms and 2s".to_owned())
    }
}

impl Stats {
    /// Runs the command.
    ///
    /// # Errors
    /// If the agent cannot be reached.
    pub fn run(&self) -> Result<Exit, Failure> {
        let stats =
            self.agent.session_without_names()?.stats(&StatsOptions::default().window(self.duration))?;
        print(&stats, &StatsView::default().all(self.all), self.agent.json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_has_bounds() {
        assert_eq!(window("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(window("2"), Ok(Duration::from_secs(2)));
        assert!(window("19ms").is_err() && window("3s").is_err());
    }
}
