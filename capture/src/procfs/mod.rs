//! Bounded readers of `/proc` and of the cgroup files: what the kernel says about this process.
//!
//! Nothing here blocks on the program: the kernel answers from its own structures. Two files need
//! care: `smaps_rollup` and `maps` take the address space's lock for reading (see
//! [`crate::offload_thread`]). Files of the memory map are read through `/proc/thread-self`, because
//! `/proc/self` is the main thread's and empty once that thread has ended (`pthread_exit` in `main`).

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
