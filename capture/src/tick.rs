//! What a CPU engine tells while it samples.

use rgops_protocol::reply::Module;
use rgops_protocol::reply::pprof_cpu::CpuSample;

/// What a CPU engine has to tell now and then.
#[derive(Debug, Default)]
pub struct Tick {
    /// Samples since the last tick.
    pub samples: Vec<CpuSample>,
    /// The modules, when they changed or this is the first tick; they hold for `samples`.
    pub modules: Option<Vec<Module>>,
    /// And those that hold for the samples of the next ticks, when they are others.
    pub modules_after: Option<Vec<Module>>,
}
