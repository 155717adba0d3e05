//! Answers as text and as JSON, one module per question. Answers of a few lines are in the command's file in
//! [`session`](crate::session).

mod document;
pub mod gc;
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
pub mod symbolize;
pub mod tasks;
mod top;
pub mod trace;
pub mod tree;
pub mod version;

pub use document::Document;
