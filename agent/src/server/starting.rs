//! The agent's thread: one OS thread, its runtime, its sockets.

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
use super::local::LocalListener;
use super::room::Room;
use super::shared::Shared;
use super::{sweep, tcp};
use crate::collect::Context;
use crate::counters::Counters;
use crate::debug;
use crate::executable::Executable;
use crate::options::Options;
use crate::policy::Policy;
use crate::reactor::{Reactor, Waiting};
use crate::runtimes::WatchedRuntimes;
use crate::shutdown::Shutdown;
use crate::{CpuEngine, ListenError};

/// The agent's thread; the kernel keeps 15 bytes of a name.
const THREAD_NAME: &str = rgops_capture::agent_threads::AGENT;

/// Its stack: collectors are shallow, decoding is not recursive.
const STACK_BYTES: usize = 512 * 1024;

/// How long `close` waits for the thread.
pub(crate) const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// What the agent's thread is made of.
pub(crate) struct Starting {
    pub(crate) options: Options,
    pub(crate) current_runtime: Option<Handle>,
    pub(crate) token: Option<Token>,
    pub(crate) tcp: Option<SocketAddr>,
}

/// What it has become.
pub(crate) struct Started {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tcp_address: Option<SocketAddr>,
    pub(crate) shutdown: Arc<Shutdown>,
    pub(crate) thread: std::thread::JoinHandle<()>,
}

impl Starting {
    pub(crate) fn start(self, mark: Option<&Mark>) -> Result<Started, ListenError> {
        // What is the program's must be freed by a thread of the program: a runtime's last handle closes
        // descriptors. So the agent's thread never has the last one.
        let options = &self.options;
        let kept = (options.watched.clone(), options.allocators.clone(), self.current_runtime.clone());
        let debug = debug::Settings::parse(std::env::var_os(DEBUG_VARIABLE).as_deref());
        // Without a thread for it nothing is printed: no reason to fail the program's start.
        let stderr = debug.asks_anything().then(debug::Stderr::new).and_then(Result::ok);
        let own = procfs::threads::own_id().unwrap_or_else(|_| std::process::id());
        let programs = ProgramsTable { thread: own, open: mark.map(Mark::number) };
        let shutdown = Arc::new(Shutdown::default());
        let (tell_ready, ready) = mpsc::sync_channel(1);
        let mask = system::block_all_signals();
        let thread = std::thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .stack_size(system::stack_bytes(STACK_BYTES));
        let bell = shutdown.clone();
        let spawned = thread.spawn(move || {
            // When this thread ends, however it does.
            let _ended = TellsEnd(bell.clone());
            self.run(programs, &bell, debug.with(stderr), &tell_ready);
        });
        drop(mask);
        let thread = spawned.map_err(ListenError::Thread)?;
        let lost = |_| ListenError::Thread(std::io::Error::other("it ended while starting"));
        let started = ready.recv().map_err(lost).and_then(|ready| ready);
        // What it had opened until then is closed when it has ended.
        if started.is_err() && !shutdown.wait_for_the_end(CLOSE_DEADLINE) {
            std::mem::forget(kept);
        }
        let (shared, tcp_address) = started?;
        Ok(Started { shared, tcp_address, shutdown, thread })
    }
}

struct TellsEnd(Arc<Shutdown>);

impl Drop for TellsEnd {
    fn drop(&mut self) {
        self.0.tell_ended();
    }
}

type Ready = Result<(Arc<Shared>, Option<SocketAddr>), ListenError>;

impl Starting {
    /// The agent's thread: sets up, says so, serves until it is told to stop.
    fn run(
        self,
        programs: ProgramsTable,
        shutdown: &Shutdown,
        debug: debug::Printing,
        tell_ready: &mpsc::SyncSender<Ready>,
    ) {
        // Before anything is opened.
        let begun = descriptor_table::begin(programs).and_then(|()| {
            enough_descriptors()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
            Ok((runtime, Waiting::start()?))
        });
        let (runtime, waiting) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                let _ = tell_ready.send(Err(ListenError::Thread(error)));
                return;
            }
        };
        let heap_failure = begin_heap_sampling(&self.options);
        runtime.block_on(async {
            let prepared = self.prepare(waiting.reactor(), heap_failure).await;
            let Prepared { shared, local, tcp } = match prepared {
                Ok(prepared) => prepared,
                Err(error) => {
                    let _ = tell_ready.send(Err(error));
                    return;
                }
            };
            let tcp_address = tcp.as_ref().map(tcp::Listener::address);
            if tell_ready.send(Ok((shared.clone(), tcp_address))).is_err() {
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
            shutdown.rung().await;
        });
        // Dropping the runtime drops every task: collectors give back what they took, listeners unlink.
        drop(runtime);
        drop(waiting);
        // Nobody is left to ask.
        #[cfg(native_engine)]
        rgops_capture::heap::end();
    }
}

/// Begins to sample the heap, if the allocator is wrapped; why it could not.
///
/// Before `listen` returns: what the program allocates after that is in the profile.
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

/// Fails at once where an agent could listen, but not answer: a connection takes one, and what is read for
/// the answer one or two.
fn enough_descriptors() -> std::io::Result<()> {
    let _ten = [std::io::pipe()?, std::io::pipe()?, std::io::pipe()?, std::io::pipe()?, std::io::pipe()?];
    Ok(())
}

/// Connections served at a time; the next ones are told so and closed. Those on TCP are counted apart,
/// because whoever reaches the port can open them before any proof.
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
        // Part of the socket's name: without it nobody would find the agent.
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

        let executable = std::fs::read_link("/proc/self/exe").ok();
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
        };
        let shared = Shared {
            context: Arc::new(context),
            hello,
            token,
            local: Room::for_connections(MAX_LOCAL_CONNECTIONS),
            tcp: Room::for_connections(MAX_TCP_CONNECTIONS),
        };
        Ok(Prepared { shared: Arc::new(shared), local, tcp })
    }
}

/// A name's first bytes: a hello has a limit, and a list has columns.
fn shortened(mut name: String) -> String {
    const MAX_NAME_BYTES: usize = 64;
    let end = (0..=MAX_NAME_BYTES.min(name.len())).rev().find(|end| name.is_char_boundary(*end));
    name.truncate(end.unwrap_or_default());
    name
}
