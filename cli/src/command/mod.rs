//! The commands, one file each: arguments, then `run`.

pub mod info;
pub mod list;
pub mod memstats;
pub mod pprof_cpu;
pub mod stack;
pub mod stats;
pub mod trace;
pub mod tree;
pub mod version;

use rgops_inspect::processes::Target;

use crate::exit::Failure;

/// What every command that asks an agent takes.
#[derive(Debug, Clone, clap::Args)]
pub struct AgentArguments {
    /// A pid, a unique process name, a socket path or host:port
    pub target: String,
    /// Print JSON with a versioned schema instead of text
    #[arg(long)]
    pub json: bool,
}

impl AgentArguments {
    /// Finds the target.
    pub fn resolve(&self) -> Result<Target, Failure> {
        unimplemented!()
    }
}
