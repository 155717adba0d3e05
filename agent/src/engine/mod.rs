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
//! `errno` is saved. It runs on a stack of ours ([`own_stacks`]). Stack memory is read only where it is known
//! whose it is ([`stack_bounds`]), and after the kernel said that it can be ([`stack_memory`]). The one system call
//! that changes something stops the timer of a thread that must not be signalled again ([`left_alone`]).

#[cfg(target_os = "linux")]
pub(crate) mod allocator_ffi;
#[cfg(native_engine)]
mod arch;
pub(crate) mod clock;
#[cfg(native_engine)]
pub(crate) mod current_task;
#[cfg(native_engine)]
pub(crate) mod dump;
#[cfg(native_engine)]
mod elf;
#[cfg(target_os = "linux")]
pub(crate) mod epoll;
#[cfg(native_engine)]
mod grace;
#[cfg(native_engine)]
pub(crate) mod handle;
#[cfg(native_engine)]
pub(crate) mod heap;
#[cfg(native_engine)]
pub(crate) mod left_alone;
#[cfg(native_engine)]
mod memory;
#[cfg(all(test, native_engine, rgops_loom))]
mod models;
#[cfg(native_engine)]
mod modules;
#[cfg(target_os = "linux")]
pub(crate) mod number;
#[cfg(native_engine)]
pub(crate) mod own_memory;
#[cfg(native_engine)]
mod own_stacks;
#[cfg(target_os = "linux")]
pub(crate) mod own_table;
#[cfg(native_engine)]
mod place;
#[cfg(pprof_engine)]
pub(crate) mod pprof;
#[cfg(native_engine)]
mod quiet;
#[cfg(native_engine)]
mod ring;
#[cfg(native_engine)]
pub(crate) mod sampler;
#[cfg(native_engine)]
mod session;
#[cfg(native_engine)]
mod signal;
#[cfg(target_os = "linux")]
pub(crate) mod socket;
#[cfg(native_engine)]
pub(crate) mod stack_bounds;
#[cfg(native_engine)]
mod stack_memory;
#[cfg(native_engine)]
mod sync;
#[cfg(target_os = "linux")]
pub(crate) mod system;
#[cfg(all(test, native_engine))]
mod tests;
#[cfg(native_engine)]
mod thread_locals;
#[cfg(native_engine)]
mod timers;
#[cfg(native_engine)]
mod unwind;

use rgops_protocol::error::{Code, Error};
use rgops_protocol::reply::Module;
use rgops_protocol::reply::pprof_cpu::CpuSample;

/// What a CPU engine has to tell now and then.
#[derive(Debug, Default)]
pub(crate) struct Tick {
    /// Samples since the last tick.
    pub(crate) samples: Vec<CpuSample>,
    /// The modules, when they changed or this is the first tick; they hold for `samples`.
    pub(crate) modules: Option<Vec<Module>>,
    /// And those that hold for the samples of the next ticks, when they are others.
    pub(crate) modules_after: Option<Vec<Module>>,
}

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
    #[error("a thread was stopped inside the signal handler and keeps the memory of the captures before")]
    Inside,
    #[error("no memory can be mapped for the capture: {0}")]
    Memory(std::io::Error),
    #[cfg(pprof_engine)]
    #[error("engine pprof would take what the program uses: {0}")]
    Occupied(&'static str),
    #[cfg(pprof_engine)]
    #[error("the pprof crate failed: {0}")]
    Pprof(String),
    #[cfg(pprof_engine)]
    #[error("engine pprof waits for a lock that a thread of the program holds")]
    Stuck,
    #[cfg(pprof_engine)]
    #[error("no thread can be started for it: {0}")]
    Thread(std::io::Error),
}

impl EngineError {
    /// The error as the client is told.
    pub(crate) fn into_answer(self, what: &str) -> Error {
        let (code, fix) = match &self {
            EngineError::Busy => (Code::Busy, "try again when it has ended"),
            EngineError::Proc { error, .. } => (Code::Unsupported, proc_fix(error)),
            // timer_create(2): every timer takes a signal of the user's limit.
            EngineError::Timer(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                (Code::Unsupported, "raise the limit of pending signals (ulimit -i)")
            }
            EngineError::Handler(error) | EngineError::Timer(error) if error.raw_os_error().is_some() => {
                (Code::Unsupported, "allow rt_sigaction and timer_create in the seccomp profile")
            }
            EngineError::Handler(_) | EngineError::Timer(_) => (Code::Unsupported, "try again"),
            EngineError::Memory(_) => {
                (Code::Unsupported, "free some memory, or raise the limit of address space (ulimit -v)")
            }
            EngineError::Inside => (
                Code::Unsupported,
                "let all threads go on (a debugger may have stopped one), then try again, or restart the program when \
                 a seccomp filter ended a thread there",
            ),
            EngineError::Random(_) => (Code::Internal, ""),
            #[cfg(pprof_engine)]
            EngineError::Occupied(_) => {
                (Code::Unsupported, "use CpuEngine::Native, which shares the signal, where it exists")
            }
            #[cfg(pprof_engine)]
            EngineError::Pprof(_) => {
                (Code::Unsupported, "start the program with TMPDIR set to a directory it can write")
            }
            #[cfg(pprof_engine)]
            EngineError::Stuck => (Code::Unsupported, "look at the stacks: rgops stack"),
            #[cfg(pprof_engine)]
            EngineError::Thread(_) => {
                (Code::Unsupported, "raise the limit of threads (ulimit -u, or pids.max of its cgroup)")
            }
        };
        Error::new(code, what, self.to_string(), fix)
    }
}

#[cfg(target_os = "linux")]
fn proc_fix(error: &std::io::Error) -> &'static str {
    crate::procfs::fix(error)
}

#[cfg(not(target_os = "linux"))]
fn proc_fix(_: &std::io::Error) -> &'static str {
    ""
}
