//! Profiles of a program: from an agent's samples to pprof's format, saved, and summed up like `go tool pprof`. The
//! format itself is in the crate [`rgops_pprof`].

mod cpu;
mod file;
mod locations;
mod own;
mod process;
mod symbolize;
pub mod top;

pub use crate::code::NamedModule;
pub use cpu::{CpuProfile, KernelTime};
pub use file::{cpu_file_names, heap_file_names, save, write};
pub(crate) use locations::Locations;
pub use own::{OwnCode, OwnFunction, own_code};
pub(crate) use process::{FRAME_BYTES, STACK_BYTES};
pub use process::{Incomplete, Process};
pub use rgops_pprof::write::encode;
pub use rgops_pprof::{ReadError, proto, read};
pub use symbolize::{SymbolizeError, Symbolized, symbolize};
