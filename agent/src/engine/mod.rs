//! The capture engine, and the only `unsafe` code of the agent.
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
//! * **One operation at a time**: [`session::Claim`].
//! * **Who touches what.** The agent's thread makes and frees sessions, swaps module lists, reads
//!   the ring. Handlers, in any thread, read the session and the modules, take an unwind cache by an
//!   atomic claim, and write ring records they reserved by compare-and-swap.
//! * **Grace.** A handler first counts itself in (`INSIDE`), then loads the session pointer; the
//!   agent's thread first clears the pointer, then waits for the count to be 0. All four are
//!   `SeqCst`, so in their one total order either the handler sees null or the agent sees the count.
//!   What it replaces is freed only after it saw 0; a handler that never comes out (its thread was
//!   stopped inside) makes us leak the session instead. Module lists are retired the same way.
//! * **Giving back** ([`signal`]): timers are deleted; then `SIG_IGN` makes the kernel discard all
//!   of the signal still pending in any thread; then the former disposition returns. Without the middle
//!   step a late signal could meet `SIG_DFL` and end the program.
//!
//! In the handler: no allocation, no lock, no thread-local, no call into the loader or libgcc.
//! `errno` is saved. Stack memory is read only after the kernel said that it can be
//! ([`stack_memory`]).

pub(crate) mod allocator_ffi;
mod arch;
pub(crate) mod clock;
pub(crate) mod dump;
mod elf;
mod memory;
mod modules;
pub(crate) mod number;
mod quiet;
mod ring;
pub(crate) mod sampler;
mod session;
mod signal;
pub(crate) mod stack_memory;
pub(crate) mod system;
#[cfg(test)]
mod tests;
mod timers;
mod unwind;

use rgops_protocol::error::{Code, Error};

/// Why the engine cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("another capture runs")]
    Busy,
    #[error("/proc/self/{file} cannot be read: {error}")]
    Proc { file: &'static str, error: std::io::Error },
    #[error("the signal handler cannot be installed: {0}")]
    Handler(std::io::Error),
    #[error("random bytes cannot be had: {0}")]
    Random(String),
    #[error("no CPU timer can be made: {0}")]
    Timer(std::io::Error),
    #[error("no memory can be mapped for the capture: {0}")]
    Memory(std::io::Error),
}

impl EngineError {
    /// The error as the client is told.
    pub(crate) fn into_answer(self, what: &str) -> Error {
        let (code, fix) = match &self {
            EngineError::Busy => (Code::Busy, "try again when it has ended"),
            EngineError::Proc { .. } => (Code::Unsupported, "mount /proc in the program's container"),
            EngineError::Handler(_) | EngineError::Timer(_) => {
                (Code::Unsupported, "allow rt_sigaction and timer_create in the seccomp profile")
            }
            EngineError::Memory(_) => (Code::Unsupported, "raise the limit of address space (ulimit -v)"),
            EngineError::Random(_) => (Code::Internal, ""),
        };
        Error::new(code, what, self.to_string(), fix)
    }
}
