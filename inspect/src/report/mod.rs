//! Answers as people and programs read them: one module a question, text and the JSON contract.

pub mod cpu;
pub mod heap;
pub mod heap_rate;
pub mod info;
pub mod known;
pub mod leaks;
pub mod list;
pub mod memory;
pub mod release;
pub mod schedtrace;
pub mod screen;
pub mod stack;
pub mod stats;
pub mod tasks;
pub mod trace;
pub mod tree;
pub mod version;
