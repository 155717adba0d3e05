//! placeholder

use crate::exit::{Exit, Failure};

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
pub struct List {
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}

impl List {
    /// Runs the command.
    pub fn run(&self) -> Result<Exit, Failure> {
        unimplemented!()
    }
}
