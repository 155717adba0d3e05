//! What is known of a program's tasks once decoded. Reports, filters and graphs read this and
//! nothing else.

use std::sync::Arc;

use rgops_protocol::reply::tasks::{RuntimeKind, TaskList, TaskThread};
use rgops_protocol::reply::{Known, Module, Unavailable};

/// Every task of a program at one moment.
#[derive(Debug, Clone)]
pub struct Tasks {
    /// The runtimes, by their index.
    pub runtimes: Vec<Runtime>,
    /// The tasks, by runtime and id.
    pub tasks: Vec<Task>,
    /// The threads that were captured with the list; empty when none were asked for.
    pub threads: Vec<TaskThread>,
    /// Loaded objects, to name the threads' frames.
    pub modules: Vec<Module>,
    /// What was decoded and what was not.
    pub counts: Counts,
    /// What debug information each module with a task's type in it gave.
    pub debug_information: Vec<DebugInformation>,
    /// Why no memory was read, so that there are names at most; `None` when it was.
    pub no_memory: Option<Unavailable>,
    /// When the list was made, nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// Time the agent took for the list, in nanoseconds.
    pub list_ns: u64,
    /// Time the inspector took to decode it, memory it asked for included, in nanoseconds.
    pub decode_ns: u64,
}

/// A runtime or `LocalSet`.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// The name it is watched under.
    pub name: String,
    /// What it is.
    pub kind: RuntimeKind,
    /// Worker threads.
    pub workers: u32,
    /// Tasks that have not ended, as Tokio counts them.
    pub alive_tasks: Known<u64>,
    /// How the list came about, or why there is none.
    pub list: Known<TaskList>,
}

/// What became of the listed tasks; the numbers add up to `listed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tasks in the answer.
    pub listed: u64,
    /// With a whole async stack.
    pub decoded: u64,
    /// With a stack that ends early: memory or types are missing below it.
    pub cut: u64,
    /// Running when they were listed: their stack is their thread's.
    pub running: u64,
    /// Complete, not yet dropped.
    pub complete: u64,
    /// Changed while they were read: no stack is shown, since it might mix two moments.
    pub moved: u64,
    /// No debug information about their future: only its name is known, or not even that.
    pub unknown: u64,
}

/// What a module's debug information gives.
#[derive(Debug, Clone)]
pub struct DebugInformation {
    /// Path of the module as the process sees it.
    pub module: String,
    /// The file it was read from.
    pub file: Option<String>,
    /// What it gives.
    pub level: DebugLevel,
    /// What is left out of it, where nothing would give more: text for people, empty when nothing is.
    pub note: String,
    /// What would give more: text for people, empty when nothing would.
    pub fix: String,
}

/// How much of a task debug information reveals, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DebugLevel {
    /// Nothing: ids and states only.
    Nothing,
    /// Futures' types, from symbol names (v0 mangling).
    FutureNames,
    /// Types and await points.
    AwaitPoints,
}

/// A task.
#[derive(Debug, Clone)]
pub struct Task {
    /// Index into [`Tasks::runtimes`].
    pub runtime: usize,
    /// Tokio's id, unique in the process.
    pub id: u64,
    /// Address of its header: the same address in a `JoinHandle` is this task.
    pub header_avma: u64,
    /// What it does.
    pub state: State,
    /// Whether it was cancelled and has not noticed yet.
    pub is_cancelled: bool,
    /// Handles, wakers and queues that hold it.
    pub references: u64,
    /// The thread that polls it.
    pub tid: Option<u32>,
    /// The future it was spawned with; `None` without symbols.
    pub future: Option<TypeName>,
    /// Its async stack.
    pub stack: AsyncStack,
    /// Locks and permits its suspended functions hold.
    pub holds: Vec<Resource>,
}

/// A task's state, from Tokio's state word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Being polled now.
    Running,
    /// Woken: in a run queue.
    Scheduled,
    /// Waiting to be woken.
    Idle,
    /// Ended; its output waits to be taken.
    Complete,
}

/// A type's name as people write it, and as the compiler does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TypeName {
    /// `shop::checkout::reserve`.
    pub short: Arc<str>,
    /// `shop::checkout::reserve::{async_fn_env#0}<…>`.
    pub raw: Arc<str>,
}

/// What is known of where a task waits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AsyncStack {
    /// The outermost future and what it awaits.
    Decoded(Arc<Node>),
    /// Decoded as far as memory and types could be had, and why no further.
    Cut(Arc<Node>, Arc<str>),
    /// None, the task runs: see its thread.
    Running,
    /// None, the task has ended.
    Complete,
    /// None, it changed while it was read.
    Moved,
    /// None, and why.
    Unknown(Arc<str>),
}

/// A future that waits, and the futures it waits for: one of an `await`, several of a `select!`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// The future.
    pub name: TypeName,
    /// What it is.
    pub kind: NodeKind,
    /// The `await` it is suspended at, in the author's code and not in a macro's.
    pub location: Option<Location>,
    /// What it waits on itself, when it is a leaf.
    pub waits_on: Option<Resource>,
    /// What it polls.
    pub children: Vec<Arc<Node>>,
    /// Children that are not listed: a `FuturesUnordered` may have thousands.
    pub children_left_out: u64,
}

/// What kind of future a [`Node`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// An `async fn`.
    AsyncFn,
    /// An `async` block or closure.
    AsyncBlock,
    /// A `select!`; its children are the branches that are still waited for.
    Select,
    /// A `join!`, `join_all`, `FuturesUnordered` or `JoinSet`.
    Join,
    /// Behind `dyn Future`; its child is the real one.
    Dyn,
    /// Any other future written by hand.
    Future,
}

/// Where an async function is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Location {
    /// Suspended at an `await`.
    Await {
        /// Source file, as the compiler saw its path.
        file: Arc<str>,
        /// Line, from 1.
        line: u32,
    },
    /// Not polled yet.
    Unresumed,
    /// Ended.
    Returned,
    /// Ended by a panic.
    Panicked,
}

/// Something to wait on or to hold, the same for all who do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// Its address; for a lock that of its semaphore, so that waiters and holders agree. 0 for none.
    pub avma: u64,
    /// What it is to people, if more is known: `sleeps 3.2 s more`, `127.0.0.1:80`, `fd 7`.
    pub detail: Option<Arc<str>>,
}

/// Kinds of [`Resource`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceKind {
    /// Another task, by a `JoinHandle`: [`Resource::avma`] is its header.
    Task,
    /// A closure of `spawn_blocking`: likewise, but in no list.
    BlockingTask,
    /// `tokio::sync::Mutex`.
    Mutex,
    /// `tokio::sync::RwLock`, to read.
    RwLockRead,
    /// `tokio::sync::RwLock`, to write.
    RwLockWrite,
    /// `tokio::sync::Semaphore`, or a lock whose kind is not known.
    Semaphore,
    /// `tokio::sync::Notify`.
    Notify,
    /// A channel of any kind.
    Channel,
    /// `tokio::sync::Barrier`.
    Barrier,
    /// `tokio::sync::OnceCell`.
    OnceCell,
    /// A timer.
    Timer,
    /// A socket, pipe or file descriptor.
    Io,
    /// Nothing known by name.
    Other,
}
