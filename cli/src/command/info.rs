//! placeholder

use std::time::Duration;

use crate::arguments::duration;
use crate::exit::{Exit, Failure};

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
pub struct Info {
    /// A pid or a unique process name
    pub target: String,
    /// Measure its CPU usage for so long: 2s, 500ms, or 2 for seconds
    #[arg(value_parser = duration)]
    pub duration: Option<Duration>,
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}

impl Info {
    /// Runs the command.
    pub fn run(&self) -> Result<Exit, Failure> {
        unimplemented!()
    }
}
