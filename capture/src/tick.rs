//! The data that a CPU engine reports periodically while it samples.

use rgops_protocol::reply::Module;
use rgops_protocol::reply::pprof_cpu::CpuSample;

/// One periodic report of a CPU engine.
#[derive(Debug, Default)]
pub struct Tick {
    /// Samples since the last tick.
    pub samples: Vec<CpuSample>,
    /// The modules, on the first tick and whenever they changed; they are valid for `samples`.
    pub modules: Option<Vec<Module>>,
    /// The modules for the samples of the next ticks, if they differ.
    pub modules_after: Option<Vec<Module>>,
}
