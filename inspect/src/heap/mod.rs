//! Heap profiles: the answer of `pprof-heap`, snapshot by snapshot, and which stacks grew.
//!
//! The numbers of a stack are unbiased estimates from the agent or, with jemalloc's own profiler, from the rule in
//! `jemalloc`. `profile` makes the pprof file from them.

mod frames;
mod gather;
mod growth;
mod jemalloc;
mod profile;

pub use gather::{Heap, Refused, Snapshot};
pub use growth::{Grown, Growth, NoGrowth, growth};
pub use jemalloc::DumpError;
pub use profile::HeapKind;
