//! placeholder

use crate::exit::{Exit, Failure};

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
pub struct Tree {
    #[command(flatten)]
    agent: super::AgentArguments,
}

impl Tree {
    /// Runs the command.
    pub fn run(&self) -> Result<Exit, Failure> {
        unimplemented!()
    }
}
