//! Heap profiles of any allocator: a wrapper around the program's own.
//!
//! ```
//! use std::alloc::System;
//!
//! #[global_allocator]
//! static ALLOCATOR: rgops_agent::alloc::Sampling<System> = rgops_agent::alloc::Sampling::new(System);
//! # fn main() {}
//! ```
//!
//! With this line (and mimalloc, jemalloc or any other allocator in the place of [`System`](std::alloc::System)),
//! `rgops pprof-heap PID` shows where live memory was allocated, and where all memory was allocated;
//! `rgops leaks PID` shows what grows; and `rgops memstats PID` has exact counts of allocations, frees and bytes.
//!
//! # How
//! One block in 512 KiB, on the average, is **sampled** at random, with a probability that grows with its size,
//! and its stack is recorded. Totals are estimated from the samples without bias.
//! [`Options::heap_rate`](crate::Options::heap_rate) sets the mean, and `rgops heap-rate PID` changes it while
//! the program runs. Other blocks cost two additions each: all blocks are counted exactly.
//!
//! # Overhead
//! It takes no lock, allocates nothing, and opens nothing.
//!
//! About 1 ns per pair of `malloc` and `free` while the program's memory is in the CPU caches, and 2 to 10 ns
//! otherwise. A sample costs 0.2 to 2 µs, and at 512 KiB samples are rare (*Heap sampling* in
//! `docs/OVERHEAD.md` has the measurements). Its tables are of fixed size: 24 MB of address space. Only touched
//! pages are resident: at most 10 MB, plus 7 KB per thread. [`listen`](crate::listen) creates them and starts
//! sampling. Earlier allocations are only in the exact counters.
//!
//! # Limitations
//! Sizes are the requested ones, not those the allocator rounds them to.
//!
//! A block is counted before it is requested from the allocator. Only a block that may be sampled, which
//! includes every block above 8 MiB, is counted afterwards. So if the allocator refuses a small block and the
//! program continues, that block stays in the counters.
//!
//! On systems other than Linux, and on unsupported processors, the wrapper only forwards calls and counts nothing.

pub use rgops_capture::alloc::Sampling;
