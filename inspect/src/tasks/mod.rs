//! Tokio tasks: from the bytes an agent sends to async stacks.
//!
//! Nothing of the program is called or stopped. The agent lists tasks and copies their memory; here
//! the debug information of the very build that runs says what the bytes mean: the task's poll
//! function names the future's type, a coroutine's discriminant the `await` it is suspended at, its
//! member `__awaitee` the future it waits for, and so on to the leaf.
//!
//! Sans-IO: decoding says which ranges of memory it needs next and is given them, so it runs the
//! same over a socket, a core file or a fuzzer's bytes. What was used is read again at the end: a
//! task whose bytes differ then was polled in between, and is counted as moved, not shown.

pub mod decode;
pub mod fetch;
pub mod graph;
pub mod model;
pub mod types;
