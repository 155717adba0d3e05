//! `rgops gc`: the program's allocators return free memory to the system.

use super::print::print;
use crate::arguments::AgentArguments;
use crate::exit::{Exit, Failure};

/// Its description and its position in `rgops --help`.
pub(crate) const ABOUT: &str = "Make the allocators return free memory to the system";
pub(crate) const PLACE: usize = 130;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Calls malloc_trim(3) of glibc, or the equivalent of jemalloc and mimalloc, and shows the memory before
and after. Rust has no garbage collector: this returns only free memory, which the allocator keeps for
later allocations. The program's threads may wait for the allocator during the call.

This changes the program's state, so the program's author has to allow it:
  agent::listen(Options::default().allow(Command::Gc))?;

Examples:
  rgops gc 4711
  rgops memstats 4711                 how much is reclaimable")]
pub struct Gc {
    #[command(flatten)]
    agent: AgentArguments,
}

impl Gc {
    /// Runs the command.
    ///
    /// # Errors
    /// If the agent cannot be reached, or refuses.
    pub fn run(&self) -> Result<Exit, Failure> {
        let gc = self.agent.session_without_names()?.gc()?;
        let exit = print(&gc, &(), self.agent.json)?;
        Ok(if gc.is_possible() { exit } else { Exit::Refused })
    }
}
