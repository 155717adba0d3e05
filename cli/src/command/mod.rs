//! The commands, one file each: arguments, then `run`.

pub mod completions;
mod gathering;
pub mod gc;
pub mod heap_rate;
pub mod info;
pub mod leaks;
pub mod list;
pub mod man;
pub mod memstats;
mod output;
pub mod pprof_cpu;
pub mod pprof_heap;
mod print;
pub mod schedtrace;
pub mod stack;
pub mod stats;
pub mod tasks;
pub mod trace;
pub mod tree;
pub mod version;
