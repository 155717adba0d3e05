//! `rgops memstats`: of what resident memory consists, then the numbers of the process, its cgroup and
//! its allocators.

use rgops_inspect::session::MemstatsView;

use super::print::print;
use crate::arguments::AgentArguments;
use crate::exit::{Exit, Failure};

/// What it does, in `rgops --help`, and its place there.
pub(crate) const ABOUT: &str = "Show memory: of what it consists, the process, its cgroup, its allocator";
pub(crate) const PLACE: usize = 60;

const EXAMPLES: &str = "\
Examples:
  rgops memstats 4711            of what rss consists; the process, its cgroup, its allocator
  rgops memstats shop --verbose  with the source of each number
  rgops memstats 4711 --json | jq '.sections[].fields[] | select(.name == \"rss\").value'

The parts on top add up to rss; `other` is what none of the numbers explains. [heap] counts exactly
what the program asked its allocator for; it needs the wrapper rgops_agent::alloc::Sampling.
`alloc`, `sys`, `heap-…` mean what they mean in gops. The numbers of glibc take its arenas' locks
one after the other while their free chunks are counted, as malloc_stats does.";

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Memstats {
    #[command(flatten)]
    agent: AgentArguments,
    /// Show where each number comes from
    #[arg(long, short)]
    verbose: bool,
}

impl Memstats {
    /// Runs the command.
    ///
    /// # Errors
    /// When the agent cannot be asked.
    pub fn run(&self) -> Result<Exit, Failure> {
        let memstats = self.agent.session(&[])?.memstats()?;
        print(&memstats, &MemstatsView::default().sources(self.verbose), self.agent.json)
    }
}
