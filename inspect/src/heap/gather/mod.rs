//! The answer of `pprof-heap` while it arrives: stacks with names, sums, snapshots.

mod heap;
mod refused;
mod snapshot;
mod sums;
#[cfg(test)]
mod tests;

pub use heap::Heap;
pub use refused::Refused;
pub(super) use snapshot::Live;
pub use snapshot::Snapshot;
