//! placeholder

use crate::exit::{Exit, Failure};

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
pub struct List {
    #[command(flatten)]
    agent: super::AgentArguments,
}

impl List {
    /// Runs the command.
    pub fn run(&self) -> Result<Exit, Failure> {
        unimplemented!()
    }
}
