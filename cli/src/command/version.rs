//! `rgops version`: how the program was built.

use rgops_inspect::session::VersionView;

use super::print::print;
use crate::arguments::AgentArguments;
use crate::exit::{Exit, Failure};

/// Its description and its position in `rgops --help`.
pub(crate) const ABOUT: &str = "Show how the program was built";
pub(crate) const PLACE: usize = 80;

const EXAMPLES: &str = "\
Examples:
  rgops version 4711          compiler, profile, debug info, Tokio, allocator
  rgops version shop --deps   with every crate, if built with cargo-auditable
  rgops version 4711 --json | jq -r .rustc";

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Version {
    #[command(flatten)]
    agent: AgentArguments,
    /// List the crates in the program
    #[arg(long)]
    deps: bool,
}

impl Version {
    /// Runs the command.
    ///
    /// # Errors
    /// If the agent cannot be reached.
    pub fn run(&self) -> Result<Exit, Failure> {
        let version = self.agent.session_without_names()?.version()?;
        print(&version, &VersionView::default().dependencies(self.deps), self.agent.json)
    }
}
