//! Bounded readers of `/proc` and of the cgroup files of this process.
//!
//! No read blocks on the program: the kernel answers from its own data. Two files need
//! care: `smaps_rollup` and `maps` take the address space's lock for reading (see
//! [`crate::offload_thread`]). Files about the address space are read through `/proc/thread-self`, because
//! `/proc/self` refers to the main thread and is empty after that has ended (`pthread_exit` in `main`).

pub mod cgroup;
pub mod cpus;
mod file;
pub mod process;
mod stat;
pub mod threads;

pub use file::{
    SMALL_FILE_BYTES, TICK_NS, TICKS_PER_SECOND, fix, kibibytes, known, line_value, missing, number, read,
    unexpected,
};
