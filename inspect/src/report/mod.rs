//! Answers as people and programs read them: one module a question, text and the JSON contract.

mod document;
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
#[cfg(test)]
mod schemas;
pub mod screen;
pub mod stack;
pub mod stats;
pub mod tasks;
mod top;
pub mod trace;
pub mod tree;
pub mod version;

pub use document::Document;
