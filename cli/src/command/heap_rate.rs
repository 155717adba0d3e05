//! `rgops heap-rate`: shows or sets the sampling rate of the heap.

use rgops_inspect::session::HeapRateOptions;

use super::print::print;
use crate::arguments::{AgentArguments, size};
use crate::exit::{Exit, Failure};

/// Its description and its position in `rgops --help`.
pub(crate) const ABOUT: &str = "Show or set the sampling rate of the heap profiler";
pub(crate) const PLACE: usize = 120;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
The rate is the mean number of bytes between two samples, like Go's MemProfileRate. Existing samples
keep their weight, so estimates stay correct after a change. `off` keeps the existing samples and takes
no more.

Setting it changes the program's state, so the program's author has to allow it:
  agent::listen(Options::default().allow(Command::HeapRate))?;

Examples:
  rgops heap-rate 4711                the rate
  rgops heap-rate 4711 64KiB          eight times as many samples as by default
  rgops heap-rate 4711 off")]
pub struct HeapRate {
    #[command(flatten)]
    agent: AgentArguments,
    /// New rate, in bytes between samples: 524288, 512KiB, 1M, or off
    #[arg(value_name = "BYTES|off", value_parser = rate)]
    rate: Option<u64>,
}

impl HeapRate {
    /// Runs the command.
    ///
    /// # Errors
    /// If the agent cannot be reached, or refuses.
    pub fn run(&self) -> Result<Exit, Failure> {
        let options = HeapRateOptions::default().set_bytes(self.rate);
        let rate = self.agent.session_without_names()?.heap_rate(&options)?;
        print(&rate, &(), self.agent.json)
    }
}

/// A size, or `off`.
fn rate(text: &str) -> Result<u64, String> {
    if text.eq_ignore_ascii_case("off") { Ok(0) } else { size(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_is_zero() {
        assert_eq!(rate("off"), Ok(0));
        assert_eq!(rate("0"), Ok(0));
        assert_eq!(rate("64KiB"), Ok(65_536));
        assert!(rate("on").is_err());
    }
}
