//! Makes a profile from the parts of a `pprof-cpu` answer.

mod build;
mod gather;
mod kernel;
#[cfg(test)]
mod tests;

pub use gather::CpuProfile;
pub use kernel::KernelTime;
