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
pub use file::{ReadError, cpu_file_names, encode, heap_file_names, read, save};
pub use heap::HeapKind;
pub(crate) use locations::Locations;
