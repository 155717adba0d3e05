//! `pprof-heap`: snapshots of the sampled heap, from the wrapper around the program's allocator, or from
//! jemalloc's own profiler.

#![cfg(native_engine)]

mod collector;
#[cfg(feature = "jemalloc")]
mod jemalloc;
mod source;

pub(super) use collector::WRAP_IT;
pub(crate) use collector::collect;
