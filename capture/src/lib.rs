//! What the rgops agent captures inside a program: stacks, CPU time, the heap, bytes of memory; and all its `unsafe`
//! code. For the crate `rgops-agent` alone: nothing here is a stable interface.
//!
//! # The operation
//!
//! A CPU profile or a thread dump is one **operation**. While one runs, [`session`] holds everything
//! a signal handler needs, made beforehand: unwind data, caches, a ring. Idle, there is none of it.
//!
//! ```text
//! idle ──claim──▶ session published ──▶ handler installed ──▶ timers / dump signals … ring drained
//!   ▲                                                                      │
//!   └── session freed ◀── no handler inside ◀── session unpublished ◀── handler given back
//! ```
//!
//! * **One operation at a time**: [`operation::Claim`].
//! * **Who touches what.** The agent's thread makes and frees sessions, swaps module lists, reads
//!   the ring. Handlers, in any thread, read the session and the modules, take an unwind cache by an
//!   atomic claim, and write ring records they reserved by compare-and-swap.
//! * **Grace** ([`grace`]): a handler counts itself in before it loads the session pointer; the agent's
//!   thread replaces the pointer before it looks at the count. What it replaced is freed only after it
//!   saw 0; for a handler that does not come out (its thread was stopped inside) the session is kept, of two
//!   operations at most, until it does. Module lists are retired the same way.
//! * **Proofs.** [`ring`], [`grace`] and [`place`] are run by loom in every order of their steps
//!   (`models.rs`); the engine's tests run under AddressSanitizer. Both in `.ci/run`.
//! * **Giving back** ([`signal`]): timers are deleted; then `SIG_IGN` makes the kernel discard all
//!   of the signal still pending in any thread; then the former disposition returns. Without the middle
//!   step a late signal could meet `SIG_DFL` and end the program.
//!
//! In the handler: no allocation, no lock, no thread-local, no call into the loader or libgcc.
//! `errno` is saved. It runs on a stack of ours ([`scratch_stacks`]). Stack memory is read only where it is known
//! whose it is ([`stack_bounds`]), and after the kernel said that it can be ([`memory`]). The one system call
//! that changes something stops the timer of a thread that must not be signalled again ([`exempt_threads`]).

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
mod sync;
#[cfg(target_os = "linux")]
pub mod system;
#[cfg(all(any(test, feature = "testing"), target_os = "linux"))]
pub mod testing;
#[cfg(native_engine)]
mod thread_locals;
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

/// Whether this build has the engine of ours, as its build script found.
pub const HAS_NATIVE_ENGINE: bool = cfg!(native_engine);
/// Whether it has the `pprof` crate as an engine.
pub const HAS_PPROF_ENGINE: bool = cfg!(pprof_engine);
