//! The agent of this process: started once, watched with, and ended by threads of the program.

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

/// A started agent. What is dropped here by the program's threads is kept by [`CURRENT`], until it is closed.
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
/// The lock is only tried: in a fork child it may be held for ever by a thread that does not exist.
pub(crate) fn start(options: Options, current_runtime: Option<Handle>) -> Result<Running, ListenError> {
    let mut current = match CURRENT.try_lock() {
        Ok(current) => current,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return Err(ListenError::Underway),
    };
    let process = std::process::id();
    match current.take() {
        None => {}
        // The parent's is in this process's memory only: it is neither ended nor freed.
        Some(parents) if parents.0.process != process => std::mem::forget(parents),
        Some(other) if other.has_its_mark() => {
            let address = other.address().to_owned();
            *current = Some(other);
            return Err(ListenError::AlreadyListening(address));
        }
        // The program closed its descriptors, as daemons do, and listens anew.
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
    random_bytes_can_be_had()?;

    // Before anybody can ask; this process has no other agent (above).
    signal_number::choose(signal);
    let needs_the_programs_side = current_runtime.is_some()
        || !options.watched.is_empty()
        || !options.allocators.0.is_empty()
        || options.cpu_engine == Some(CpuEngine::Pprof)
        || !cfg!(native_engine);
    if needs_the_programs_side {
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

/// Everybody who needs random bytes without getrandom(2) keeps /dev/urandom open, under one number for all
/// threads: std for its hash maps, and the crate for ours. That number would be another file on the agent's
/// threads, or theirs on the program's.
fn random_bytes_can_be_had() -> Result<(), ListenError> {
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

    /// Whether the program left our descriptor alone; without one, it did.
    fn has_its_mark(&self) -> bool {
        self.0.mark.as_ref().is_none_or(Mark::is_there)
    }

    pub(crate) fn watch(&self, handle: &Handle, name: &str) {
        // The parent's agent does not ask here, and a thread of the parent's may hold the lock for ever.
        if !self.is_this_process() {
            return;
        }
        // Without the thread its tasks are not listed, and the answer says why.
        if !self.0.shutdown.has_ended() {
            let _ = program_threads::begin();
        }
        self.0.shared.context.runtimes.add(handle, name);
    }

    #[cfg(native_engine)]
    pub(crate) fn watch_local_set(&self, local_set: &tokio::task::LocalSet, name: &str) {
        // Nobody but the parent's agent would ever end our tasks in it.
        if self.is_this_process() {
            self.0.shared.context.runtimes.add_local_set(local_set, name);
        }
    }

    pub(crate) fn close(self) {
        if !self.is_this_process() {
            return;
        }
        // Not a fork child, so whoever holds the lock lives and gives it back.
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was replaced has ended already.
        let is_current = current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.0, &self.0));
        if is_current {
            *current = None;
            self.end();
        }
    }

    /// Ends it; by a thread of the program, which frees what is the program's.
    fn end(self) {
        #[cfg(native_engine)]
        self.0.shared.context.runtimes.leave_local_sets();
        self.0.shutdown.ring();
        if self.0.shutdown.wait_for_the_end(CLOSE_DEADLINE) {
            let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Nothing of it is left to run but the end of the thread. An error is its panic.
            let _ = thread.map(std::thread::JoinHandle::join);
        } else {
            // It is stuck and may free this later: then what is the program's must stay.
            std::mem::forget(self.0.clone());
        }
        program_threads::end();
        self.0.mark.iter().for_each(Mark::close);
    }
}
