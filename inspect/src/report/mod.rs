//! Answers as text and as JSON, one module per question.

pub mod gc;
pub mod heap_rate;
pub mod info;
pub mod known;
pub mod leaks;
pub mod list;
pub mod memstats;
pub mod pprof_cpu;
pub mod pprof_heap;
pub mod schedtrace;
pub mod screen;
pub mod stack;
pub mod stats;
pub mod tasks;
mod top;
pub mod trace;
pub mod tree;
pub mod version;
