//! Errors of the capture engines.

use rgops_protocol::error::{Code, Error};

/// Why the engine cannot run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another operation is running.
    #[error("another capture is running")]
    Busy,
    /// A file of the kernel could not be read.
    #[error("cannot read /proc/self/{file}: {error}")]
    Proc {
        /// The file's path below `/proc/self`.
        file: &'static str,
        /// The error.
        error: std::io::Error,
    },
    /// sigaction(2) failed.
    #[error("cannot install the signal handler: {0}")]
    Handler(std::io::Error),
    /// Without random bytes, other signals could be mistaken for ours.
    #[error("random bytes are not available: {0}")]
    Random(String),
    /// timer_create(2) failed.
    #[error("cannot create a CPU timer: {0}")]
    Timer(std::io::Error),
    /// The stopped thread may continue at any time, and uses that memory.
    #[error("a thread was stopped inside the signal handler and holds the memory of earlier captures")]
    Inside,
    /// mmap(2) failed.
    #[error("cannot map memory for the capture: {0}")]
    Memory(std::io::Error),
    /// The signal or the timer is in use.
    #[cfg(pprof_engine)]
    #[error("engine pprof would take what the program uses: {0}")]
    Occupied(&'static str),
    /// With the crate's message.
    #[cfg(pprof_engine)]
    #[error("the pprof crate failed: {0}")]
    Pprof(String),
    /// Its deadline passed.
    #[cfg(pprof_engine)]
    #[error("engine pprof waits for a lock that a thread of the program holds")]
    Stuck,
    /// The thread that calls the crate could not be started.
    #[cfg(pprof_engine)]
    #[error("cannot start a thread for it: {0}")]
    Thread(std::io::Error),
}

impl EngineError {
    /// The error to send to the client.
    pub fn into_answer(self, what: &str) -> Error {
        let (code, fix) = match &self {
            EngineError::Busy => (Code::Busy, "try again when it has ended"),
            EngineError::Proc { error, .. } => (Code::Unsupported, proc_fix(error)),
            // timer_create(2): every timer counts against the user's limit of pending signals.
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
                "let all threads continue (a debugger may have stopped one), then try again; restart the program \
                 if a seccomp filter ended a thread there",
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
            EngineError::Stuck => (Code::Unsupported, "look at the stacks: rgops stack PID"),
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
