//! placeholder

use crate::exit::{Exit, Failure};

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
pub struct Memstats {
    #[command(flatten)]
    agent: super::AgentArguments,
}

impl Memstats {
    /// Runs the command.
    pub fn run(&self) -> Result<Exit, Failure> {
        unimplemented!()
    }
}
