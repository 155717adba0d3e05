//! `rgops memstats`: a breakdown of resident memory, then the numbers of the process, its cgroup and
//! its allocators.

use rgops_inspect::session::MemstatsView;

use super::print::print;
use crate::arguments::AgentArguments;
use crate::exit::{Exit, Failure};

/// Its description and its position in `rgops --help`.
pub(crate) const ABOUT: &str = "Show memory: breakdown of rss, process, cgroup, allocator";
pub(crate) const PLACE: usize = 60;

const EXAMPLES: &str = "\
Examples:
  rgops memstats 4711            breakdown of rss; process, cgroup, allocator
  rgops memstats shop --verbose  with the source of each number
  rgops memstats 4711 --json | jq '.sections[].fields[] | select(.name == \"rss\").value'

The parts at the top add up to rss; `other` is the unexplained rest. [heap] has exact counts of the
program's allocations and needs the wrapper rgops_agent::alloc::Sampling. `alloc`, `sys`, `heap-…` have
the same meaning as in gops. To count free chunks, the numbers of glibc lock its arenas one after the
other, like malloc_stats.";

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Memstats {
    #[command(flatten)]
    agent: AgentArguments,
    /// Show the source of each number
    #[arg(long, short)]
    verbose: bool,
}

impl Memstats {
    /// Runs the command.
    ///
    /// # Errors
    /// If the agent cannot be reached.
    pub fn run(&self) -> Result<Exit, Failure> {
        let memstats = self.agent.session_without_names()?.memstats()?;
        print(&memstats, &MemstatsView::default().sources(self.verbose), self.agent.json)
    }
}
