//! Heap profiles: what the answer of `pprof-heap` says, snapshot by snapshot, and which stacks grew.
//!
//! A stack's numbers are unbiased estimates made by the agent (or, with jemalloc's own profiler, by
//! jemalloc's rule, see `jemalloc`). The pprof file is made of them in `profile`.

mod frames;
mod gather;
mod growth;
mod jemalloc;
mod profile;

pub use frames::own_frame;
pub use gather::{Heap, Refused, Snapshot};
pub use growth::{Grown, Growth, NoGrowth, growth};
pub use jemalloc::DumpError;
pub use profile::HeapKind;
