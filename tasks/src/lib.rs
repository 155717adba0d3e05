//! Decodes Tokio tasks: from the bytes that an agent sends and the debug information of the running build to
//! async stacks, wait graphs and scheduler state.
//!
//! Nothing in the program is called or stopped. The agent lists tasks and copies their memory, and the debug
//! information of the running build gives the bytes a meaning: the task's poll function names the type of the
//! future, a coroutine's discriminant the `await` where it is suspended, its member `__awaitee` the future it
//! waits for, and so on to the leaf.
//!
//! Constraints this crate was designed under:
//!
//! * **No I/O.** [`decode::Decoder`] and [`schedtrace::Plan`] name the ranges of memory that they need, and
//!   the caller provides them. So they work the same over a socket, a core file or a fuzzer's bytes.
//!   Implementations of [`types::ModuleFile`] open files, and a [`types::IndexStore`] keeps cached data from
//!   one command to the next.
//! * **Memory may change during decoding.** All used memory is read again at the end: a task whose bytes
//!   differ was polled in between, and is counted as moved, not shown.
//! * **Memory and debug information may be wrong in any way.** Every walk is bounded in depth, steps and
//!   memory, all within one budget ([`rgops_dwarf::Budget`]). At data that does not fit the stack is cut,
//!   which is reported and counted.
//! * **A deadlock is reported only when it is certain**: see [`graph`].
//!
//! ```
//! use rgops_dwarf::Budget;
//! use rgops_protocol::reply::tasks::{TaskCell, TaskVtable};
//! use rgops_protocol::request::MemoryRange;
//! use rgops_tasks::decode::Decoder;
//! use rgops_tasks::model::Task;
//! use rgops_tasks::types::ProgramTypes;
//!
//! // The async stacks of these tasks of the program in `file`. `read` copies its memory.
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
