//! Makes a profile from the parts of a `pprof-cpu` answer.

mod build;
mod gather;
#[cfg(test)]
mod tests;

pub use gather::CpuProfile;
