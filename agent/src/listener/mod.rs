//! Starts and ends the agent: one OS thread, its runtime, its sockets.

mod auth;
mod directory;
mod local;
mod socket;
mod sweep;
mod tcp;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError, mpsc};
use std::time::{Duration, Instant};

use rgops_protocol::auth::Token;
use rgops_protocol::discovery::DEBUG_VARIABLE;
use rgops_protocol::hello::{AgentHello, CommandVersion};
use rgops_protocol::request::Command;
use tokio::runtime::Handle;

use crate::collect::Context;
use crate::connection::{self, Gate};
use crate::counters::Counters;
use crate::debug;
use crate::doorbell::Doorbell;
use crate::engine::own_table::{self, Mark, ProgramsTable};
use crate::engine::{number, system};
use crate::executable::Executable;
use crate::options::Options;
use crate::procfs;
use crate::programs_side;
use crate::reactor::{Reactor, Waiting};
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
static CURRENT: Mutex<Option<Running>> = Mutex::new(None);

/// A started agent. What is dropped here by the program's threads is kept by [`CURRENT`], until it is closed.
#[derive(Debug, Clone)]
pub(crate) struct Running(Arc<Agent>);

#[derive(Debug)]
struct Agent {
    shared: Arc<Shared>,
    tcp_address: Option<SocketAddr>,
    process: u32,
    doorbell: Arc<Doorbell>,
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
        Some(number) => number::Number::new(number).map_err(|why| ListenError::Signal { number, why })?,
        None => number::Number::default(),
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
    number::choose(signal);
    let needs_the_programs_side = current_runtime.is_some()
        || !options.watched.is_empty()
        || !options.allocators.0.is_empty()
        || options.cpu_engine == Some(CpuEngine::Pprof)
        || !cfg!(native_engine);
    if needs_the_programs_side {
        programs_side::begin().map_err(ListenError::Thread)?;
    }
    let mark = Mark::make();
    let started = Starting { options, current_runtime, token, tcp }.start(mark.as_ref());
    let started = started.inspect_err(|_| {
        programs_side::end();
        mark.iter().for_each(Mark::close);
    });
    let Started { shared, tcp_address, doorbell, thread } = started?;
    let running = Running(Arc::new(Agent {
        shared,
        tcp_address,
        process,
        doorbell,
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
        let error = format!("getrandom(2) fails ({error}); allow it in the seccomp profile");
        ListenError::Thread(std::io::Error::other(error))
    })
}

/// What the agent's thread is made of.
struct Starting {
    options: Options,
    current_runtime: Option<Handle>,
    token: Option<Token>,
    tcp: Option<SocketAddr>,
}

/// What it has become.
struct Started {
    shared: Arc<Shared>,
    tcp_address: Option<SocketAddr>,
    doorbell: Arc<Doorbell>,
    thread: std::thread::JoinHandle<()>,
}

impl Starting {
    fn start(self, mark: Option<&Mark>) -> Result<Started, ListenError> {
        // What is the program's must be freed by a thread of the program: a runtime's last handle closes
        // descriptors. So the agent's thread never has the last one.
        let options = &self.options;
        let kept = (options.watched.clone(), options.allocators.clone(), self.current_runtime.clone());
        let debug = debug::Settings::parse(std::env::var_os(DEBUG_VARIABLE).as_deref());
        // Without a thread for it nothing is printed: no reason to fail the program's start.
        let stderr = debug.asks_anything().then(debug::Stderr::new).and_then(Result::ok);
        let own = procfs::threads::own_id().unwrap_or_else(|_| std::process::id());
        let programs = ProgramsTable { thread: own, open: mark.map(Mark::number) };
        let doorbell = Arc::new(Doorbell::default());
        let (tell_ready, ready) = mpsc::sync_channel(1);
        let mask = system::block_all_signals();
        let thread = std::thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .stack_size(system::stack_bytes(STACK_BYTES));
        let bell = doorbell.clone();
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
        if started.is_err() && !doorbell.wait_for_the_end(CLOSE_DEADLINE) {
            std::mem::forget(kept);
        }
        let (shared, tcp_address) = started?;
        Ok(Started { shared, tcp_address, doorbell, thread })
    }
}

struct TellsEnd(Arc<Doorbell>);

impl Drop for TellsEnd {
    fn drop(&mut self) {
        self.0.tell_ended();
    }
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
        if !self.0.doorbell.has_ended() {
            let _ = programs_side::begin();
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
        self.0.doorbell.ring();
        if self.0.doorbell.wait_for_the_end(CLOSE_DEADLINE) {
            let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Nothing of it is left to run but the end of the thread. An error is its panic.
            let _ = thread.map(std::thread::JoinHandle::join);
        } else {
            // It is stuck and may free this later: then what is the program's must stay.
            std::mem::forget(self.0.clone());
        }
        programs_side::end();
        self.0.mark.iter().for_each(Mark::close);
    }
}

type Ready = Result<(Arc<Shared>, Option<SocketAddr>), ListenError>;

impl Starting {
    /// The agent's thread: sets up, says so, serves until it is told to stop.
    fn run(
        self,
        programs: ProgramsTable,
        doorbell: &Doorbell,
        debug: debug::Printing,
        tell_ready: &mpsc::SyncSender<Ready>,
    ) {
        // Before anything is opened.
        let begun = own_table::begin(programs).and_then(|()| {
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
            doorbell.rung().await;
        });
        // Dropping the runtime drops every task: collectors give back what they took, listeners unlink.
        drop(runtime);
        drop(waiting);
        // Nobody is left to ask.
        #[cfg(native_engine)]
        crate::engine::heap::end();
    }
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

/// Fails at once where an agent could listen, but not answer: a connection takes one, and what is read for
/// the answer one or two.
fn enough_descriptors() -> std::io::Result<()> {
    let _ten = [std::io::pipe()?, std::io::pipe()?, std::io::pipe()?, std::io::pipe()?, std::io::pipe()?];
    Ok(())
}

struct Prepared {
    shared: Arc<Shared>,
    local: Option<local::LocalListener>,
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
            Some(local::LocalListener::bind(reactor, options.directory.as_deref(), pid, start_time).await?)
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
        let commands = Command::ALL
            .into_iter()
            .filter(|command| !options.denied.contains(command))
            .filter(|command| *command != Command::Gc || options.allowed.contains(command))
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
        Ok(Prepared { shared: Arc::new(shared), local, tcp })
    }
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

/// Connections taken before other tasks get a turn.
const ACCEPTED_AT_ONCE: u32 = 16;

async fn accept_local(mut listener: local::LocalListener, shared: Arc<Shared>) {
    for count in (0_u32..ACCEPTED_AT_ONCE).cycle() {
        match listener.accept().await {
            Ok((socket, peer)) => {
                admit(socket, connection::Peer::Local(peer), &shared, &shared.local);
            }
            Err(_) => refuse_for_a_while(&shared).await,
        }
        give_others_a_turn(count).await;
    }
}

async fn accept_tcp(listener: tcp::Listener, shared: Arc<Shared>) {
    for count in (0_u32..ACCEPTED_AT_ONCE).cycle() {
        match listener.accept().await {
            Ok(socket) => admit(socket, connection::Peer::Remote, &shared, &shared.tcp),
            Err(_) => refuse_for_a_while(&shared).await,
        }
        give_others_a_turn(count).await;
    }
}

async fn give_others_a_turn(count: u32) {
    if count == 0 {
        tokio::task::yield_now().await;
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
