//! Tokio tasks: from the bytes an agent sends and the debug information of the build that runs to async stacks,
//! to who waits for whom, and to what schedulers keep.
//!
//! Nothing of the program is called or stopped. The agent lists tasks and copies their memory; here
//! the debug information of the very build that runs says what the bytes mean: the task's poll
//! function names the future's type, a coroutine's discriminant the `await` it is suspended at, its
//! member `__awaitee` the future it waits for, and so on to the leaf.
//!
//! Constraints this crate was designed under:
//!
//! * **No I/O.** [`decode::Decoder`] and [`schedtrace::Plan`] say which ranges of memory they need and are given
//!   them, so they run the same over a socket, a core file or a fuzzer's bytes. Files are opened by who implements
//!   [`types::ModuleFile`], and what is remembered from one command to the next is kept by a
//!   [`types::IndexStore`].
//! * **Memory may change meanwhile.** What was used is read again at the end: a task whose bytes differ then was
//!   polled in between, and is counted as moved, not shown.
//! * **Memory and debug information may be wrong in any way.** Every walk is bounded in depth, steps and memory,
//!   all of one budget ([`rgops_dwarf::Budget`]); what does not fit cuts a stack there, which is said and counted.
//! * **A deadlock is called one only when it is one for certain**: see [`graph`].
//!
//! ```
//! use rgops_dwarf::Budget;
//! use rgops_protocol::reply::tasks::{TaskCell, TaskVtable};
//! use rgops_protocol::request::MemoryRange;
//! use rgops_tasks::decode::Decoder;
//! use rgops_tasks::model::Task;
//! use rgops_tasks::types::ProgramTypes;
//!
//! /// The async stacks of these tasks, of the program that `file` is. `read` copies its memory.
//! fn stacks(
//!     file: &[u8],
//!     vtables: Vec<TaskVtable>,
//!     cells: Vec<TaskCell>,
//!     read: impl Fn(&MemoryRange) -> Option<Vec<u8>>,
//! ) -> Vec<Task> {
//!     let budget = Budget::new(256 << 20);
//!     let types = ProgramTypes::of_file(file, &budget);
//!     let mut decoder = Decoder::new(&budget, &types, vtables, cells);
//!     loop {
//!         let needed = decoder.needs();
//!         if needed.is_empty() {
//!             return decoder.finish().0;
//!         }
//!         decoder.provide(needed.iter().map(&read));
//!     }
//! }
//! ```

#![forbid(unsafe_code)]
#![warn(unused_crate_dependencies)]

pub mod decode;
pub mod graph;
pub mod model;
pub mod schedtrace;
pub mod types;
