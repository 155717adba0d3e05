//! From the parts of a `pprof-cpu` answer to a profile.

mod build;
mod gather;
#[cfg(test)]
mod tests;

pub use gather::CpuProfile;
