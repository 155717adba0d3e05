//! The CPU sampler: a timer for every thread, samples taken out of the ring, and CPU time accounted for by the clocks.

mod cpu_sampler;
mod scan;
mod thread;
mod unsampled;

pub use super::Tick;
pub use cpu_sampler::{CpuSampler, Cuts, Stopped};
pub use unsampled::Unsampled;
