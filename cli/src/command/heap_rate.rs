//! `rgops heap-rate`: how often blocks are sampled, read or set.

use rgops_inspect::report::heap_rate::{JsonHeapRate, render};
use rgops_protocol::reply::heap_rate::HeapRateReply;
use rgops_protocol::request::{HeapRateRequest, Request};

use super::single::{self, Single};
use crate::arguments::size;
use crate::exit::{Exit, Failure};
use crate::terminal::{exit_of, print, print_json, print_notes};

/// What it does, in `rgops --help`, and its place there.
pub(super) const ABOUT: &str = "Show or set how often the heap is sampled";
pub(super) const PLACE: usize = 120;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
The rate is the mean number of bytes between two samples, as Go's MemProfileRate. What was sampled
before keeps its weight: the estimates stay right when it is changed. `off` keeps what was sampled and
samples nothing more.

Setting it changes something in the program, so the program's author has to allow it:
  agent::listen(Options::default().allow(Command::HeapRate))?;

Examples:
  rgops heap-rate 4711                the rate
  rgops heap-rate 4711 64KiB          eight times as many samples as by default
  rgops heap-rate 4711 off")]
pub struct HeapRate {
    #[command(flatten)]
    agent: super::AgentArguments,
    /// Sample a block every so many bytes from now on: 524288, 512KiB, 1M, or off
    #[arg(value_name = "BYTES|off", value_parser = rate)]
    rate: Option<u64>,
}

impl HeapRate {
    /// Runs the command.
    ///
    /// # Errors
    /// When the agent cannot be asked, or refuses.
    pub fn run(&self) -> Result<Exit, Failure> {
        let request = Request::HeapRate(HeapRateRequest { set_bytes: self.rate });
        let Single { hello, reply, end } = single::ask::<HeapRateReply>(&self.agent, &request)?;
        if self.agent.json {
            print_json(&JsonHeapRate::new(&hello, &reply, &end))?;
            return Ok(exit_of(&end));
        }
        print(&render(&reply, self.rate.is_some()))?;
        Ok(print_notes(&end))
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
