//! The CPU sampler: a timer per thread, samples read from the ring, and CPU time reconciled with the clocks.

mod cpu_sampler;
mod scan;
mod thread;
mod unsampled;

pub use super::Tick;
pub use cpu_sampler::{CpuSampler, Cuts, Stopped};
pub use unsampled::Unsampled;
