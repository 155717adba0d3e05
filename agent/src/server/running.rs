//! The agent of this process, as the program's threads use it: they start it, pass runtimes to it, and close it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use rgops_capture::descriptor_table::Mark;
use rgops_capture::program_threads;
use rgops_capture::{signal_number, system};
use tokio::runtime::Handle;

use super::shared::Shared;
use super::starting::{CLOSE_DEADLINE, Started, Starting};
use super::tcp;
use crate::options::Options;
use crate::shutdown::Shutdown;
use crate::{CpuEngine, ListenError};

/// The agent of this process, if it has one.
static CURRENT: Mutex<Option<Running>> = Mutex::new(None);

/// A handle of a started agent. [`CURRENT`] keeps the agent until it is closed, even if the program drops all handles.
#[derive(Debug, Clone)]
pub(crate) struct Running(Arc<Agent>);

#[derive(Debug)]
struct Agent {
    shared: Arc<Shared>,
    tcp_address: Option<SocketAddr>,
    process: u32,
    shutdown: Arc<Shutdown>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
    mark: Option<Mark>,
}

/// Starts the agent.
///
/// The lock is only tried: in a fork child it may be held forever by a thread that does not exist there.
pub(crate) fn start(options: Options, current_runtime: Option<Handle>) -> Result<Running, ListenError> {
    let mut current = match CURRENT.try_lock() {
        Ok(current) => current,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return Err(ListenError::Underway),
    };
    let process = std::process::id();
    match current.take() {
        None => {}
        // In a fork child the parent's agent exists only as memory: it is neither ended nor freed.
        Some(parents) if parents.0.process != process => std::mem::forget(parents),
        Some(other) if other.has_its_mark() => {
            let address = other.address().to_owned();
            *current = Some(other);
            return Err(ListenError::AlreadyListening(address));
        }
        // The program closed its descriptors, as daemons do, and calls `listen` again.
        Some(other) => other.end(),
    }
    let signal = match options.signal {
        Some(number) => {
            signal_number::Number::new(number).map_err(|why| ListenError::Signal { number, why })?
        }
        None => signal_number::Number::default(),
    };
    if let Some((name, why)) = options.cpu_engine.and_then(|engine| Some((engine.name(), engine.missing()?)))
    {
        return Err(ListenError::Engine { name, why });
    }
    let token = options.read_token()?;
    let tcp = options.tcp.as_ref().map(|address| tcp::checked(address, token.is_some())).transpose()?;
    if options.no_local && tcp.is_none() {
        return Err(ListenError::Nowhere);
    }
    check_random_bytes()?;

    // Before the agent accepts requests. This process has no other agent, as checked above.
    signal_number::choose(signal);
    let needs_program_threads = current_runtime.is_some()
        || !options.watched.is_empty()
        || !options.allocators.0.is_empty()
        || options.cpu_engine == Some(CpuEngine::Pprof)
        || !cfg!(native_engine);
    if needs_program_threads {
        program_threads::begin().map_err(ListenError::Thread)?;
    }
    let mark = Mark::make();
    let started = Starting { options, current_runtime, token, tcp }.start(mark.as_ref());
    let started = started.inspect_err(|_| {
        program_threads::end();
        mark.iter().for_each(Mark::close);
    });
    let Started { shared, tcp_address, shutdown, thread } = started?;
    let running = Running(Arc::new(Agent {
        shared,
        tcp_address,
        process,
        shutdown,
        thread: Mutex::new(Some(thread)),
        mark,
    }));
    *current = Some(running.clone());
    Ok(running)
}

/// Checks that getrandom(2) works. Without it, std (for its hash maps) and the `getrandom` crate each keep
/// /dev/urandom open under one descriptor number for all threads. But the agent's threads and the program's threads
/// have different descriptor tables, in which that number is a different file.
fn check_random_bytes() -> Result<(), ListenError> {
    system::random_bytes_are_there().map_err(|error| {
        let error = format!("getrandom(2) failed ({error}); allow it in the seccomp profile");
        ListenError::Thread(std::io::Error::other(error))
    })
}

impl Running {
    pub(crate) fn address(&self) -> &str {
        &self.0.shared.context.address
    }

    pub(crate) fn tcp_address(&self) -> Option<SocketAddr> {
        self.0.tcp_address
    }

    fn is_this_process(&self) -> bool {
        self.0.process == std::process::id()
    }

    /// Whether the program did not close the agent's mark descriptor; true if there is none.
    fn has_its_mark(&self) -> bool {
        self.0.mark.as_ref().is_none_or(Mark::is_there)
    }

    pub(crate) fn watch(&self, handle: &Handle, name: &str) {
        // In a fork child the parent's agent does not read the list, and a thread of the parent may hold the lock
        // forever.
        if !self.is_this_process() {
            return;
        }
        // Without the thread the tasks are not listed, and the answer states the reason.
        if !self.0.shutdown.has_ended() {
            let _ = program_threads::begin();
        }
        self.0.shared.context.runtimes.add(handle, name);
    }

    #[cfg(native_engine)]
    pub(crate) fn watch_local_set(&self, local_set: &tokio::task::LocalSet, name: &str) {
        // In a fork child no agent would ever end the anchors in the `LocalSet`.
        if self.is_this_process() {
            self.0.shared.context.runtimes.add_local_set(local_set, name);
        }
    }

    pub(crate) fn close(self) {
        if !self.is_this_process() {
            return;
        }
        // This is not a fork child, so the thread that holds the lock exists and releases it.
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        // An agent that was replaced has already ended.
        let is_current = current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.0, &self.0));
        if is_current {
            *current = None;
            self.end();
        }
    }

    /// Ends the agent. Runs on a thread of the program, which must free the program's objects.
    fn end(self) {
        #[cfg(native_engine)]
        self.0.shared.context.runtimes.leave_local_sets();
        self.0.shutdown.request();
        if self.0.shutdown.wait_until_ended(CLOSE_DEADLINE) {
            let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Only the last steps of the thread are left, so `join` does not block. An error means that it panicked.
            let _ = thread.map(std::thread::JoinHandle::join);
        } else {
            // The thread is stuck and may drop its references later. The leaked one ensures that it never frees the
            // program's objects.
            std::mem::forget(self.0.clone());
        }
        program_threads::end();
        self.0.mark.iter().for_each(Mark::close);
    }
}
