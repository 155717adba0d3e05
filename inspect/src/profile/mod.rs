//! Profiles in pprof's format: built from samples, written, read, and counted as `go tool pprof` does.

mod cpu;
mod file;
mod graph;
mod heap;
mod locations;
pub mod measurement;
pub mod proto;
mod strings;
pub mod top;

pub use cpu::{CpuProfile, Incomplete, Process};
pub(crate) use cpu::{FRAME_BYTES, STACK_BYTES};
pub(crate) use file::numbered_name;
pub use file::{ReadError, SaveError, encode, free_heap_name, free_name, read, save};
pub use heap::HeapKind;
pub(crate) use locations::Locations;
