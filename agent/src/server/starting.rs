//! Starts the agent's thread, which runs the agent's Tokio runtime and its sockets.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rgops_capture::descriptor_table::{self, Mark, ProgramsTable};
use rgops_capture::procfs;
use rgops_capture::system;
use rgops_protocol::auth::Token;
use rgops_protocol::discovery::DEBUG_VARIABLE;
use rgops_protocol::hello::AgentHello;
use rgops_protocol::tail::Tail;
use tokio::runtime::Handle;

use super::accept::{accept_local, accept_tcp, spawn};
use super::connection_limit::ConnectionLimit;
use super::local::LocalListener;
use super::shared::Shared;
use super::{sweep, tcp};
use crate::collect::Context;
use crate::counters::Counters;
use crate::debug;
use crate::executable::Executable;
use crate::options::Options;
use crate::policy::Policy;
use crate::reactor::{Reactor, ReactorThread};
use crate::runtimes::WatchedRuntimes;
use crate::shutdown::Shutdown;
#[cfg(native_engine)]
use crate::wait_marks::WaitMarks;
use crate::{CpuEngine, ListenError};

/// Name of the agent's thread; the kernel keeps 15 bytes of a name.
const THREAD_NAME: &str = rgops_capture::agent_threads::AGENT;

/// Stack of the thread: the calls of collectors are shallow, decoding is not recursive.
const STACK_BYTES: usize = 512 * 1024;

/// How long `close` waits for the thread.
pub(crate) const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// The inputs of the agent's thread.
pub(crate) struct Starting {
    pub(crate) options: Options,
    pub(crate) current_runtime: Option<Handle>,
    pub(crate) token: Option<Token>,
    pub(crate) tcp: Option<SocketAddr>,
}

/// A started agent's thread.
pub(crate) struct Started {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tcp_address: Option<SocketAddr>,
    pub(crate) shutdown: Arc<Shutdown>,
    pub(crate) thread: std::thread::JoinHandle<()>,
}

impl Starting {
    pub(crate) fn start(self, mark: Option<&Mark>) -> Result<Started, ListenError> {
        // A thread of the program must free the program's objects: dropping the last handle of a runtime closes
        // descriptors. So this thread keeps clones until the agent's thread has started or ended.
        let options = &self.options;
        let kept = (options.watched.clone(), options.allocators.clone(), self.current_runtime.clone());
        let debug = debug::Settings::parse(std::env::var_os(DEBUG_VARIABLE).as_deref());
        // If the writer cannot start, nothing is printed. That must not make `listen` fail.
        let stderr = debug.has_output().then(debug::Stderr::new).and_then(Result::ok);
        let own = procfs::threads::own_id().unwrap_or_else(|_| std::process::id());
        let programs = ProgramsTable { thread: own, open: mark.map(Mark::number) };
        let shutdown = Arc::new(Shutdown::default());
        let (send_ready, ready) = mpsc::sync_channel(1);
        let mask = system::block_all_signals();
        let thread = std::thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .stack_size(system::stack_bytes(STACK_BYTES));
        let threads_shutdown = shutdown.clone();
        let spawned = thread.spawn(move || {
            // Dropped at the end of this thread, also after a panic.
            let _ended = ReportsEnd(threads_shutdown.clone());
            self.run(programs, &threads_shutdown, debug.with(stderr), &send_ready);
        });
        drop(mask);
        let thread = spawned.map_err(ListenError::Thread)?;
        let lost = |_| ListenError::Thread(std::io::Error::other("it ended while starting"));
        let started = ready.recv().map_err(lost).and_then(|ready| ready);
        // When the thread has ended, everything it opened is closed.
        if started.is_err() && !shutdown.wait_until_ended(CLOSE_DEADLINE) {
            std::mem::forget(kept);
        }
        let (shared, tcp_address) = started?;
        Ok(Started { shared, tcp_address, shutdown, thread })
    }
}

struct ReportsEnd(Arc<Shutdown>);

impl Drop for ReportsEnd {
    fn drop(&mut self) {
        self.0.set_ended();
    }
}

type Ready = Result<(Arc<Shared>, Option<SocketAddr>), ListenError>;

impl Starting {
    /// The body of the agent's thread: sets up, reports that to `send_ready`, serves until a shutdown is requested.
    fn run(
        self,
        programs: ProgramsTable,
        shutdown: &Shutdown,
        debug: debug::Printing,
        send_ready: &mpsc::SyncSender<Ready>,
    ) {
        // The thread gets its own descriptor table before it opens anything.
        let begun = descriptor_table::begin(programs).and_then(|()| {
            enough_descriptors()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
            Ok((runtime, ReactorThread::start()?))
        });
        let (runtime, reactor_thread) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                let _ = send_ready.send(Err(ListenError::Thread(error)));
                return;
            }
        };
        let heap_failure = begin_heap_sampling(&self.options);
        runtime.block_on(async {
            let prepared = self.prepare(reactor_thread.reactor(), heap_failure).await;
            let Prepared { shared, local, tcp } = match prepared {
                Ok(prepared) => prepared,
                Err(error) => {
                    let _ = send_ready.send(Err(error));
                    return;
                }
            };
            let tcp_address = tcp.as_ref().map(tcp::Listener::address);
            if send_ready.send(Ok((shared.clone(), tcp_address))).is_err() {
                return;
            }
            spawn(debug.print(shared.context.clone()));
            if let Some(tcp) = tcp {
                spawn(accept_tcp(tcp, shared.clone()));
            }
            if let Some(local) = local {
                spawn(sweep::sweep(local.directory().to_owned()));
                spawn(accept_local(local, shared));
            }
            shutdown.requested().await;
        });
        // Dropping the runtime drops every task: collectors restore what they changed, listeners remove their sockets.
        drop(runtime);
        drop(reactor_thread);
        // After that no collector reads the samples.
        #[cfg(native_engine)]
        rgops_capture::heap::end();
    }
}

/// Starts heap sampling if the allocator is wrapped; returns the reason if that fails.
///
/// It runs before `listen` returns, so that everything the program allocates after that is in the profile.
#[cfg(native_engine)]
fn begin_heap_sampling(options: &Options) -> Option<String> {
    use rgops_capture::heap::{self, Refusal};
    match heap::begin(options.heap_rate.unwrap_or(heap::DEFAULT_MEAN_BYTES)) {
        Ok(()) | Err(Refusal::NoWrapper) => None,
        Err(refusal) => Some(refusal.to_string()),
    }
}

#[cfg(not(native_engine))]
fn begin_heap_sampling(_options: &Options) -> Option<String> {
    None
}

/// Fails at once if the agent could listen but not answer for lack of descriptors: a connection takes one, and the
/// files read for an answer take one or two.
fn enough_descriptors() -> std::io::Result<()> {
    let _ten = [std::io::pipe()?, std::io::pipe()?, std::io::pipe()?, std::io::pipe()?, std::io::pipe()?];
    Ok(())
}

/// Maximum connections at a time; more are refused with an error. TCP has its own limit, because anyone who can reach
/// the port can open connections before any proof.
const MAX_LOCAL_CONNECTIONS: u64 = 64;
const MAX_TCP_CONNECTIONS: u64 = 32;

struct Prepared {
    shared: Arc<Shared>,
    local: Option<LocalListener>,
    tcp: Option<tcp::Listener>,
}

impl Starting {
    async fn prepare(
        self,
        reactor: &Arc<Reactor>,
        heap_failure: Option<String>,
    ) -> Result<Prepared, ListenError> {
        let Starting { options, current_runtime, token, tcp } = self;
        let mut cookie = [0; 16];
        getrandom::fill(&mut cookie)
            .map_err(|error| ListenError::Thread(std::io::Error::other(error.to_string())))?;
        // It is part of the socket's name: without it no client could find the agent.
        let start_time =
            procfs::process::Stat::read(procfs::process::STAT).map_err(ListenError::Thread)?.start_ticks;
        let pid = std::process::id();

        let tcp = tcp.map(|address| tcp::Listener::bind(reactor, address)).transpose()?;
        let local = if options.no_local {
            None
        } else {
            Some(LocalListener::bind(reactor, options.directory.as_deref(), pid, start_time).await?)
        };
        let address = match (&local, &tcp) {
            (Some(local), _) => local.path().display().to_string(),
            (None, Some(tcp)) => tcp.address().to_string(),
            (None, None) => return Err(ListenError::Nowhere),
        };

        let executable = std::fs::read_link(crate::executable::OWN).ok();
        let name = options.name.clone().or_else(|| {
            let name = executable.as_deref()?.file_name()?.to_string_lossy().into_owned();
            Some(name.trim_end_matches(" (deleted)").to_owned())
        });
        let runtimes = WatchedRuntimes::default();
        for (handle, name) in &options.watched {
            runtimes.add(handle, name);
        }
        if let Some(handle) = &current_runtime {
            runtimes.add(handle, "main");
        }
        let policy = Policy::new(options.denied, options.allowed, options.memory_over_tcp);
        let mut hello = AgentHello {
            protocol: rgops_protocol::PROTOCOL_VERSION,
            agent: env!("CARGO_PKG_VERSION").to_owned(),
            pid,
            start_time,
            cookie,
            build_id: Executable::own().map(|executable| executable.build_id()).unwrap_or_default(),
            name: name.map(shortened).unwrap_or_default(),
            commands: Vec::new(),
            oldest: Tail::absent(),
        };
        hello.speak(&policy.answered());
        let context = Context {
            started: Instant::now(),
            address,
            program: options.program,
            counters: Counters::default(),
            runtimes,
            allocators: options.allocators,
            cpu_engine: options.cpu_engine.unwrap_or(CpuEngine::DEFAULT),
            policy,
            heap_failure,
            #[cfg(native_engine)]
            wait_marks: WaitMarks::default(),
        };
        let shared = Shared {
            context: Arc::new(context),
            hello,
            token,
            local: ConnectionLimit::new(MAX_LOCAL_CONNECTIONS),
            tcp: ConnectionLimit::new(MAX_TCP_CONNECTIONS),
        };
        Ok(Prepared { shared: Arc::new(shared), local, tcp })
    }
}

/// The first bytes of a name: the hello has a limit, and `rgops list` has columns.
fn shortened(mut name: String) -> String {
    const MAX_NAME_BYTES: usize = 64;
    let end = (0..=MAX_NAME_BYTES.min(name.len())).rev().find(|end| name.is_char_boundary(*end));
    name.truncate(end.unwrap_or_default());
    name
}
