//! Starts and ends the agent: one OS thread, its runtime, its sockets.

mod auth;
mod local;
mod socket;
mod tcp;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, TryLockError, mpsc};
use std::time::{Duration, Instant};

use rgops_protocol::auth::Token;
use rgops_protocol::discovery::DEBUG_VARIABLE;
use rgops_protocol::hello::{AgentHello, CommandVersion};
use rgops_protocol::request::Command;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::collect::Context;
use crate::connection::{self, Gate};
use crate::counters::Counters;
use crate::debug;
use crate::engine::{number, system};
use crate::executable::Executable;
use crate::options::Options;
use crate::procfs;
use crate::watched::WatchedRuntimes;
use crate::{CpuEngine, ListenError};

pub(crate) use auth::authenticate;
pub(crate) use local::PeerUser;
pub(crate) use socket::Socket;

/// The agent's thread; the kernel keeps 15 bytes of a name.
const THREAD_NAME: &str = "rgops-agent";

/// Its stack: collectors are shallow, decoding is not recursive.
const STACK_BYTES: usize = 512 * 1024;

/// How long `close` waits for the thread.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// Connections served at a time; the next ones are told so and closed. Those on TCP are counted apart,
/// because whoever reaches the port can open them before any proof.
const MAX_LOCAL_CONNECTIONS: u64 = 64;
const MAX_TCP_CONNECTIONS: u64 = 32;

/// Pause after a failed accept (out of descriptors), so that a full table does not make us spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What every connection of an agent shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) context: Arc<Context>,
    pub(crate) hello: AgentHello,
    pub(crate) denied: Vec<Command>,
    /// Commands that may change something in the program.
    pub(crate) allowed: Vec<Command>,
    pub(crate) token: Option<Token>,
    pub(crate) gate: Gate,
    /// Connections served now, by how they came: strangers on TCP must not lock out the operator.
    local: Room,
    tcp: Room,
}

/// The agent of this process, if it has one.
static CURRENT: Mutex<Option<Current>> = Mutex::new(None);

#[derive(Debug)]
struct Current {
    process: u32,
    address: String,
    cookie: [u8; 16],
}

/// A started agent.
#[derive(Debug)]
pub(crate) struct Running {
    shared: Arc<Shared>,
    tcp_address: Option<SocketAddr>,
    process: u32,
    stop: watch::Sender<bool>,
    /// Disconnected when the agent's thread has ended.
    ended: mpsc::Receiver<()>,
    thread: std::thread::JoinHandle<()>,
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
    if let Some(other) = current.as_ref().filter(|other| other.process == process) {
        return Err(ListenError::AlreadyListening(other.address.clone()));
    }
    let signal = match options.signal {
        Some(number) => number::Number::new(number).map_err(|why| ListenError::Signal { number, why })?,
        None => number::Number::default(),
    };
    if let Some((name, why)) = options.cpu_engine.and_then(|engine| Some((engine.name(), engine.missing()?)))
    {
        return Err(ListenError::Engine { name, why });
    }
    let token = options.read_token()?;
    let tcp = options.tcp.as_ref().map(|address| tcp::bind(address, token.is_some())).transpose()?;
    if options.no_local && tcp.is_none() {
        return Err(ListenError::Nowhere);
    }

    // Before anybody can ask; this process has no other agent (above).
    number::choose(signal);
    let (stop, stopped) = watch::channel(false);
    let (tell_ready, ready) = mpsc::sync_channel(1);
    let (alive, ended) = mpsc::sync_channel(1);
    let mask = system::block_all_signals();
    let thread = std::thread::Builder::new().name(THREAD_NAME.to_owned()).stack_size(STACK_BYTES);
    let spawned = thread.spawn(move || {
        // Dropped when this thread ends, however it does.
        let _alive: mpsc::SyncSender<()> = alive;
        run(options, current_runtime, token, tcp, stopped, &tell_ready);
    });
    drop(mask);
    let thread = spawned.map_err(ListenError::Thread)?;
    let lost = |_| ListenError::Thread(std::io::Error::other("it ended while starting"));
    let started = ready.recv().map_err(lost).and_then(|ready| ready);
    if started.is_err() {
        // What it had opened until then is closed when it has ended.
        let _ = ended.recv_timeout(CLOSE_DEADLINE);
    }
    let (shared, tcp_address) = started?;

    let cookie = shared.hello.cookie;
    *current = Some(Current { process, address: shared.context.address.clone(), cookie });
    Ok(Running { shared, tcp_address, process, stop, ended, thread })
}

impl Running {
    pub(crate) fn address(&self) -> &str {
        &self.shared.context.address
    }

    pub(crate) fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp_address
    }

    pub(crate) fn watch(&self, handle: &Handle, name: &str) {
        self.shared.context.runtimes.add(handle, name);
    }

    #[cfg(native_engine)]
    pub(crate) fn watch_local_set(&self, local_set: &tokio::task::LocalSet, name: &str) {
        // Nobody but the parent's agent would ever end our tasks in it.
        if self.process == std::process::id() {
            self.shared.context.runtimes.add_local_set(local_set, name);
        }
    }

    pub(crate) fn close(self) {
        if self.process != std::process::id() {
            return;
        }
        #[cfg(native_engine)]
        self.shared.context.runtimes.leave_local_sets();
        // An error means that the thread has ended already.
        let _ = self.stop.send(true);
        if self.ended.recv_timeout(CLOSE_DEADLINE) == Err(mpsc::RecvTimeoutError::Disconnected) {
            // Nothing of it is left to run but the end of the thread. An error is its panic.
            let _ = self.thread.join();
        }
        // Not a fork child (above), so whoever holds the lock lives and gives it back.
        let mut current = CURRENT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if current.as_ref().is_some_and(|current| current.cookie == self.shared.hello.cookie) {
            *current = None;
        }
    }
}

type Ready = Result<(Arc<Shared>, Option<SocketAddr>), ListenError>;

/// The agent's thread: sets up, says so, serves until it is told to stop.
fn run(
    options: Options,
    current_runtime: Option<Handle>,
    token: Option<Token>,
    tcp: Option<std::net::TcpListener>,
    mut stopped: watch::Receiver<bool>,
    tell_ready: &mpsc::SyncSender<Ready>,
) {
    let runtime = enough_descriptors()
        .and_then(|()| tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = tell_ready.send(Err(ListenError::Thread(error)));
            return;
        }
    };
    let debug = debug::Settings::parse(std::env::var_os(DEBUG_VARIABLE).as_deref());
    let heap_failure = begin_heap_sampling(&options);
    runtime.block_on(async {
        let prepared = prepare(options, current_runtime, token, tcp, heap_failure);
        let Prepared { shared, local, tcp, tcp_address } = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                let _ = tell_ready.send(Err(error));
                return;
            }
        };
        if tell_ready.send(Ok((shared.clone(), tcp_address))).is_err() {
            return;
        }
        if debug.asks_anything() {
            spawn(debug::print(debug, shared.context.clone()));
        }
        if let Some(tcp) = tcp {
            spawn(accept_tcp(tcp, shared.clone()));
        }
        if let Some(local) = local {
            spawn(local::sweep(local.directory().to_owned()));
            spawn(accept_local(local, shared));
        }
        // Errors when the handle was dropped: then nobody will ever tell us to stop.
        if stopped.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    });
    // Dropping the runtime drops every task: collectors give back what they took, listeners unlink.
    drop(runtime);
    // Nobody is left to ask.
    #[cfg(native_engine)]
    crate::engine::heap::end();
}

/// Begins to sample the heap, if the allocator is wrapped; why it could not.
///
/// Before `listen` returns: what the program allocates after that is in the profile.
#[cfg(native_engine)]
fn begin_heap_sampling(options: &Options) -> Option<String> {
    use crate::engine::heap::{self, Refusal};
    match heap::begin(options.heap_rate.unwrap_or(heap::DEFAULT_MEAN_BYTES)) {
        Ok(()) | Err(Refusal::NoWrapper) => None,
        Err(refusal) => Some(refusal.to_string()),
    }
}

#[cfg(not(native_engine))]
fn begin_heap_sampling(_options: &Options) -> Option<String> {
    None
}

/// Fails where a runtime would panic: with its feature `signal`, which another part of the program
/// may turn on, Tokio expects to be given a socket pair (`signal/registry.rs`). A runtime takes six
/// descriptors at most.
fn enough_descriptors() -> std::io::Result<()> {
    let _eight = [std::io::pipe()?, std::io::pipe()?, std::io::pipe()?, std::io::pipe()?];
    Ok(())
}

struct Prepared {
    shared: Arc<Shared>,
    local: Option<local::LocalListener>,
    tcp: Option<tcp::Listener>,
    tcp_address: Option<SocketAddr>,
}

fn prepare(
    options: Options,
    current_runtime: Option<Handle>,
    token: Option<Token>,
    tcp: Option<std::net::TcpListener>,
    heap_failure: Option<String>,
) -> Result<Prepared, ListenError> {
    let mut cookie = [0; 16];
    getrandom::fill(&mut cookie)
        .map_err(|error| ListenError::Thread(std::io::Error::other(error.to_string())))?;
    // Part of the socket's name: without it nobody would find the agent.
    let start_time =
        procfs::process::Stat::read(procfs::process::STAT).map_err(ListenError::Thread)?.start_ticks;
    let pid = std::process::id();

    let local = if options.no_local {
        None
    } else {
        Some(local::LocalListener::bind(options.directory.as_deref(), pid, start_time, &cookie)?)
    };
    let (tcp, tcp_address) = match tcp {
        Some(listener) => {
            let socket = |error| ListenError::Socket { address: "tcp".to_owned(), error };
            let address = listener.local_addr().map_err(socket)?;
            (Some(tcp::Listener::of(listener).map_err(socket)?), Some(address))
        }
        None => (None, None),
    };
    let address = match (&local, tcp_address) {
        (Some(local), _) => local.path().display().to_string(),
        (None, Some(address)) => address.to_string(),
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
    let commands = Command::ALL
        .into_iter()
        .filter(|command| !options.denied.contains(command))
        .filter(|command| *command != Command::Release || options.allowed.contains(command))
        .map(|command| CommandVersion { command: command as u16, version: command.version() })
        .collect();
    let hello = AgentHello {
        protocol: rgops_protocol::PROTOCOL_VERSION,
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        pid,
        start_time,
        cookie,
        build_id: Executable::own().map(|executable| executable.build_id()).unwrap_or_default(),
        name: name.map(shortened).unwrap_or_default(),
        commands,
    };
    let context = Context {
        started: Instant::now(),
        address,
        program: options.program,
        counters: Counters::default(),
        runtimes,
        allocators: options.allocators,
        cpu_engine: options.cpu_engine.unwrap_or(CpuEngine::DEFAULT),
        tasks_denied: options.denied.contains(&Command::Tasks),
        memory_over_tcp: options.memory_over_tcp,
        heap_failure,
    };
    let shared = Shared {
        context: Arc::new(context),
        hello,
        denied: options.denied,
        allowed: options.allowed,
        token,
        gate: Gate::default(),
        local: Room::for_connections(MAX_LOCAL_CONNECTIONS),
        tcp: Room::for_connections(MAX_TCP_CONNECTIONS),
    };
    Ok(Prepared { shared: Arc::new(shared), local, tcp, tcp_address })
}

/// Starts a task. Boxed, so that Tokio's machinery for tasks is compiled once: 10 KB for each kind.
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    let task: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(task);
    // Detached: it ends with its socket, or with the runtime.
    drop(tokio::spawn(task));
}

/// A name's first bytes: a hello has a limit, and a list has columns.
fn shortened(mut name: String) -> String {
    const MAX_NAME_BYTES: usize = 64;
    let end = (0..=MAX_NAME_BYTES.min(name.len())).rev().find(|end| name.is_char_boundary(*end));
    name.truncate(end.unwrap_or_default());
    name
}

async fn accept_local(listener: local::LocalListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                admit(Socket::Local(stream), connection::Peer::Local(peer), &shared, &shared.local);
            }
            Err(_) => refuse_for_a_while(&shared).await,
        }
    }
}

async fn accept_tcp(listener: tcp::Listener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok(stream) => admit(Socket::Tcp(stream), connection::Peer::Remote, &shared, &shared.tcp),
            Err(_) => refuse_for_a_while(&shared).await,
        }
    }
}

/// Serves a connection in a task of its own, or refuses it at once when there is no room: a refused
/// one must not hold a descriptor.
fn admit(mut socket: Socket, peer: connection::Peer, shared: &Arc<Shared>, room: &Room) {
    let counters = &shared.context.counters;
    counters.connections.add(1);
    if !room.enter() {
        counters.refused_limits.add(1);
        socket.write_now(&connection::no_room(room.connections));
        return;
    }
    counters.open_connections.fetch_add(1, Ordering::Relaxed);
    let shared = shared.clone();
    spawn(async move {
        let place = Place { shared: &shared, is_local: matches!(peer, connection::Peer::Local(_)) };
        connection::serve(socket, peer, &shared).await;
        drop(place);
    });
}

/// How many connections may be served at a time.
#[derive(Debug)]
struct Room {
    connections: u64,
    taken: AtomicU64,
}

impl Room {
    fn for_connections(connections: u64) -> Room {
        Room { connections, taken: AtomicU64::new(0) }
    }

    fn enter(&self) -> bool {
        let taken = |taken| (taken < self.connections).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }
}

/// A served connection's place; given back when dropped, also when its task is cancelled.
struct Place<'s> {
    shared: &'s Shared,
    is_local: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let room = if self.is_local { &self.shared.local } else { &self.shared.tcp };
        room.taken.fetch_sub(1, Ordering::Relaxed);
        self.shared.context.counters.open_connections.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn refuse_for_a_while(shared: &Shared) {
    shared.context.counters.refused_limits.add(1);
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
