//! Captures stacks, CPU time, heap allocations and memory of the process it runs in, and holds all `unsafe` code of
//! the agent. For the crate `rgops-agent` alone: nothing here is a stable interface.
//!
//! # The operation
//!
//! A CPU profile or a thread dump is one **operation**. While it runs, [`session`] holds everything a signal handler
//! needs, allocated in advance: unwind data, caches, a ring buffer. When idle, none of it exists.
//!
//! ```text
//! idle ──claim──▶ session published ──▶ handler installed ──▶ timers / dump signals … ring drained
//!   ▲                                                                      │
//!   └── session freed ◀── no handler running ◀── session unpublished ◀── former handler restored
//! ```
//!
//! * **One operation at a time**: [`operation::Claim`].
//! * **Ownership.** The agent's thread creates and frees sessions, replaces module lists and reads
//!   the ring. Handlers, in any thread, read the session and the modules, claim an unwind cache
//!   atomically, and write ring records that they reserve by compare-and-swap.
//! * **Grace period** ([`grace`]): a handler increments a counter before it loads the session pointer. The agent's
//!   thread replaces the pointer before it reads the counter, and frees the old session only after it
//!   read 0. If a handler does not return (its thread was stopped inside), the session is kept until it
//!   does. At most two sessions are kept this way; then no new operation begins. Module lists are retired the same way.
//! * **Proofs.** Loom runs [`ring`], [`grace`] and [`place`] in every interleaving
//!   (`models.rs`). The engine's tests run under AddressSanitizer. Both are in `.ci/run`.
//! * **Restoring the disposition** ([`signal`]): timers are deleted; then `SIG_IGN` makes the kernel discard
//!   every pending instance of the signal, in all threads; then the former disposition is restored. Without the
//!   second step, a late signal could meet `SIG_DFL` and terminate the program.
//!
//! The handler does not allocate, lock, use thread-local storage, or call into the loader or libgcc.
//! It preserves `errno`. It runs on a stack of its own ([`scratch_stacks`]). It reads stack memory only inside
//! known bounds ([`stack_bounds`]), and only after the kernel confirmed that the memory is readable ([`memory`]).
//! Only one of its system calls changes anything: it stops the timer of a thread that must not be signalled
//! again ([`exempt_threads`]).

// On macOS without engine pprof nothing is captured, and a dependency cannot depend on a feature and a system together.
#![cfg_attr(any(not(target_os = "macos"), pprof_engine), warn(unused_crate_dependencies))]
#![allow(rustdoc::private_intra_doc_links, reason = "these pages are for maintainers")]
#![cfg_attr(not(native_engine), allow(dead_code, reason = "everything is captured only there so far"))]

#[cfg(any(target_os = "linux", pprof_engine))]
pub mod agent_threads;
pub mod alloc;
#[cfg(target_os = "linux")]
pub mod allocator_ffi;
#[cfg(native_engine)]
mod arch;
#[cfg(any(target_os = "linux", pprof_engine))]
pub mod clock;
#[cfg(native_engine)]
pub mod current_task;
#[cfg(target_os = "linux")]
pub mod descriptor_table;
#[cfg(native_engine)]
pub mod dump;
#[cfg(native_engine)]
mod elf;
#[cfg(target_os = "linux")]
pub mod epoll;
#[cfg(any(target_os = "linux", pprof_engine))]
mod error;
#[cfg(all(test, target_os = "linux"))]
mod error_texts;
#[cfg(native_engine)]
pub mod exempt_threads;
#[cfg(native_engine)]
mod grace;
#[cfg(native_engine)]
pub mod handle;
#[cfg(native_engine)]
pub mod heap;
#[cfg(all(test, native_engine))]
mod live_tests;
#[cfg(native_engine)]
pub mod memory;
#[cfg(all(test, native_engine, rgops_loom))]
mod models;
#[cfg(native_engine)]
mod modules;
#[cfg(target_os = "linux")]
pub mod offload_thread;
#[cfg(native_engine)]
mod operation;
#[cfg(target_os = "linux")]
mod own_helpers;
#[cfg(native_engine)]
mod place;
#[cfg(pprof_engine)]
pub mod pprof;
#[cfg(target_os = "linux")]
pub mod procfs;
#[cfg(target_os = "linux")]
pub mod program_threads;
#[cfg(native_engine)]
mod quiet;
#[cfg(native_engine)]
mod refreshed;
#[cfg(native_engine)]
mod ring;
#[cfg(native_engine)]
pub mod sampler;
#[cfg(native_engine)]
mod scratch_stacks;
#[cfg(native_engine)]
mod session;
#[cfg(native_engine)]
mod signal;
#[cfg(native_engine)]
mod signal_info;
#[cfg(target_os = "linux")]
pub mod signal_number;
#[cfg(target_os = "linux")]
pub mod socket;
#[cfg(native_engine)]
pub mod stack_bounds;
#[cfg(native_engine)]
pub mod stack_words;
#[cfg(native_engine)]
mod sync;
#[cfg(target_os = "linux")]
pub mod system;
#[cfg(all(any(test, feature = "testing"), target_os = "linux"))]
pub mod testing;
#[cfg(native_engine)]
mod thread_locals;
#[cfg(native_engine)]
pub mod thread_stack;
#[cfg(any(target_os = "linux", pprof_engine))]
mod tick;
#[cfg(native_engine)]
mod timers;
#[cfg(native_engine)]
pub mod try_lock;
#[cfg(native_engine)]
mod unwind;
#[cfg(native_engine)]
mod unwind_data;

#[cfg(any(target_os = "linux", pprof_engine))]
pub use error::EngineError;
#[cfg(any(target_os = "linux", pprof_engine))]
pub use tick::Tick;

/// Whether this build has the native engine, as determined by the build script.
pub const HAS_NATIVE_ENGINE: bool = cfg!(native_engine);
/// Whether this build has the `pprof` crate as an engine.
pub const HAS_PPROF_ENGINE: bool = cfg!(pprof_engine);
