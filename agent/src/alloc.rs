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
//! `rgops pprof-heap PID` shows where memory that lives was allocated, and where all of it was;
//! `rgops leaks PID` what grows; and `rgops memstats PID` counts allocations, frees and bytes exactly.
//!
//! # How
//! One block in 512 KiB, on the average, is **sampled** with its stack, by chance and in proportion to its
//! size; from the samples the whole is estimated without bias. `rgops heap-rate PID` changes the mean
//! while the program runs, and [`Options::heap_rate`](crate::Options::heap_rate) before. All other blocks
//! cost two additions: they are counted exactly.
//!
//! # What it costs
//! About 1 ns of a pair of `malloc` and `free` when the program's memory is in its caches, and 2 to 10 ns when
//! it is not; 0.2 to 2 µs a sample, likewise, and at 512 KiB a sample is rare
//! (*Heap sampling* in `docs/OVERHEAD.md` has the measurements). Its tables are of fixed size: 24 MB of
//! address space, of which what is touched is resident, at most 10 MB and 7 KB a thread. They do not exist
//! before [`listen`](crate::listen) was called: sampling begins there. What was allocated earlier is in
//! the exact counters only.
//!
//! # What it does not do
//! It takes no lock, allocates nothing, and opens nothing. Sizes are those asked for, not those the allocator
//! rounds them to.
//!
//! A block is counted before the allocator is asked for it; only where a sample is due (and so for every block
//! above 8 MiB) is it counted afterwards. So in a program that goes on after the allocator refused it a small
//! block, that block is in the counters for ever.
//!
//! On systems other than Linux, and on processors the engine does not know, it passes everything through and
//! counts nothing.

pub use rgops_capture::alloc::Sampling;
