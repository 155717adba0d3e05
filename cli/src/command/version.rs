//! `rgops version`: how the program was built.

use rgops_inspect::report::version::{JsonVersion, render};
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::request::{Request, VersionRequest};

use super::single::{self, Single};
use crate::exit::{Exit, Failure};
use crate::terminal::{exit_of, print, print_json, print_notes};

/// What it does, in `rgops --help`, and its place there.
pub(super) const ABOUT: &str = "Show how the program was built";
pub(super) const PLACE: usize = 80;

const EXAMPLES: &str = "\
Examples:
  rgops version 4711          compiler, profile, debug info, Tokio, allocator
  rgops version shop --deps   and every crate, when built with cargo-auditable
  rgops version 4711 --json | jq -r .rustc";

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Version {
    #[command(flatten)]
    agent: super::AgentArguments,
    /// List the crates in the program
    #[arg(long)]
    deps: bool,
}

impl Version {
    /// Runs the command.
    ///
    /// # Errors
    /// When the agent cannot be asked.
    pub fn run(&self) -> Result<Exit, Failure> {
        let Single { hello, reply, end } =
            single::ask::<VersionReply>(&self.agent, &Request::Version(VersionRequest {}))?;
        if self.agent.json {
            print_json(&JsonVersion::new(&hello, &reply, &end))?;
            return Ok(exit_of(&end));
        }
        print(&render(&reply, self.deps))?;
        Ok(print_notes(&end))
    }
}
