//! The rgops agent. With one line in `main` the program reports its threads' stacks, its CPU time, memory and
//! runtime, even while it is stuck:
//!
//! ```no_run
//! use rgops_agent::{self as agent, Options};
//!
//! fn main() -> std::io::Result<()> {
//!     agent::listen(Options::default())?;
//!     // … the program …
//!     Ok(())
//! }
//! ```
//!
//! Then, in a shell of the same user: `rgops` lists the process with a `*`. `rgops stack PID`,
//! `rgops pprof-cpu PID` and the other commands connect to it.
//!
//! Design constraints:
//!
//! * **It never harms the program.** While idle it causes no wakeups and uses no CPU. It has its own OS
//!   threads, with all signals blocked, its own Tokio runtime and its own descriptor table: a program that
//!   closes all descriptors, as daemons do, does not close those of the agent. It never exits, never panics
//!   into the program, and restores every signal handler and timer.
//! * **Linking opens nothing**, nor does a cargo feature. Only [`listen`] listens, and `RGOPS=off` in
//!   the environment overrides it.
//! * **No other user gets in.** The local socket answers only the same user and root; TCP is off by default and
//!   needs a token.
//!
//! It is not a monitoring system: it records nothing without a request.
//!
//! Capturing works on Linux (x86_64, aarch64). On Linux on other processors the agent answers the commands that
//! need no capture, and takes CPU profiles with [`CpuEngine::Pprof`]. Elsewhere the crate compiles and
//! [`listen`] returns [`ListenError::Unsupported`].

#![forbid(unsafe_code)]
#![warn(unused_crate_dependencies)]
#![cfg_attr(not(native_engine), allow(dead_code, reason = "used only by the native engine"))]

pub mod alloc;
pub mod allocator;
#[cfg(target_os = "linux")]
mod busy;
mod collect;
mod counters;
mod cpu_engine;
#[cfg(target_os = "linux")]
mod debug;
mod error;
#[cfg(all(test, target_os = "linux"))]
mod error_texts;
#[cfg(target_os = "linux")]
mod executable;
mod options;
mod policy;
#[cfg(target_os = "linux")]
mod reactor;
#[cfg(target_os = "linux")]
mod releasing;
mod runtimes;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod shutdown;
#[cfg(native_engine)]
mod tasks;
#[cfg(native_engine)]
mod wait_marks;

pub use cpu_engine::CpuEngine;
pub use error::ListenError;
pub use options::Options;
pub use rgops_protocol::request::Command;

// Both build scripts decide which engines exist; they must agree. Another crate of the program may have enabled the
// feature of `rgops-capture` alone: then the agent does not use that engine.
const _: () = assert!(cfg!(native_engine) == rgops_capture::HAS_NATIVE_ENGINE);
const _: () = assert!(!cfg!(pprof_engine) || rgops_capture::HAS_PPROF_ENGINE);

use tokio::runtime::Handle;
use tokio::task::LocalSet;

/// Starts the agent: a thread that answers `rgops` until [`Agent::close`] or the end of the process.
///
/// Dropping the returned [`Agent`] does not stop it, so `agent::listen(Options::default())?;` is
/// enough. Inside a Tokio runtime, that runtime is watched as `main`.
///
/// With `RGOPS=off` in the environment it starts nothing and succeeds; [`Agent::address`] is then
/// `off`. The parent's agent does not exist in a fork child: the child may start its own. A program that has
/// closed all its descriptors may call `listen` again: the new agent then replaces the old one.
///
/// `RGOPS_DEBUG=schedtrace=1000[,scheddetail=1]` in the environment makes the agent print the state of the
/// Tokio schedulers to standard error, one line per runtime every 1000 ms. An invalid value is reported there
/// in one line and is not an error.
///
/// Takes about a millisecond: it makes a directory, a socket and two threads, and a third when there is a
/// runtime to watch.
///
/// # Errors
/// [`ListenError`] states what failed and how to fix it. The program can continue without an agent.
pub fn listen(options: Options) -> Result<Agent, ListenError> {
    if std::env::var_os(rgops_protocol::discovery::SWITCH_VARIABLE).is_some_and(|value| value == "off") {
        return Ok(Agent { inner: None });
    }
    let current = Handle::try_current().ok();
    #[cfg(target_os = "linux")]
    return server::start(options, current).map(|inner| Agent { inner: Some(inner) });
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (options, current);
        Err(ListenError::Unsupported)
    }
}

/// A running agent. Dropping it does not stop the agent; [`Agent::close`] does.
#[derive(Debug)]
pub struct Agent {
    #[cfg(target_os = "linux")]
    inner: Option<server::Running>,
    #[cfg(not(target_os = "linux"))]
    inner: Option<std::convert::Infallible>,
}

#[cfg(target_os = "linux")]
impl Agent {
    /// The address it listens on: the path of the local socket, else `host:port`; `off` when the environment
    /// switched it off.
    pub fn address(&self) -> &str {
        self.inner.as_ref().map_or("off", |running| running.address())
    }

    /// The TCP address it listens on, with the port the system chose for 0.
    pub fn tcp_address(&self) -> Option<std::net::SocketAddr> {
        self.inner.as_ref()?.tcp_address()
    }

    /// Watches another Tokio runtime, shown under `name`. Keeps the runtime's shared state (not its
    /// threads) in memory until the agent ends.
    pub fn watch(&self, handle: &Handle, name: &str) {
        if let Some(running) = &self.inner {
            running.watch(handle, name);
        }
    }

    /// Watches a `LocalSet`, shown under `name` by `rgops tasks`: its tasks are in no runtime's list. Others are
    /// listed only if they are found on the stack of their thread. Call it
    /// on the thread of the `LocalSet`. Two tasks that do nothing stay in it until the agent is closed; a
    /// `LocalSet` that is awaited to its end (`local_set.await`) ends only after these two have ended. On
    /// systems where tasks cannot be listed it does nothing.
    pub fn watch_local_set(&self, local_set: &LocalSet, name: &str) {
        #[cfg(native_engine)]
        if let Some(running) = &self.inner {
            running.watch_local_set(local_set, name);
        }
        #[cfg(not(native_engine))]
        let _ = (local_set, name);
    }

    /// Ends the agent: cancels running commands, removes the socket and ends the threads. Waits at most 2 s for
    /// them. In a fork child of the listening process it does nothing.
    pub fn close(self) {
        if let Some(running) = self.inner {
            running.close();
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Agent {
    /// Where it listens: nowhere on this system.
    pub fn address(&self) -> &str {
        "off"
    }

    /// No TCP address on this system.
    pub fn tcp_address(&self) -> Option<std::net::SocketAddr> {
        None
    }

    /// Does nothing on this system.
    pub fn watch(&self, _handle: &Handle, _name: &str) {}

    /// Does nothing on this system.
    pub fn watch_local_set(&self, _local_set: &LocalSet, _name: &str) {}

    /// Does nothing on this system.
    pub fn close(self) {}
}
