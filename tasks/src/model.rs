//! A program's decoded tasks. Reports, filters and graphs read only this.

use std::collections::HashMap;
use std::sync::Arc;

use rgops_protocol::reply::tasks::{RuntimeKind, TaskList, TaskThread};
use rgops_protocol::reply::{Known, Module, Unavailable};

/// Every task of a program at one moment.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    /// The runtimes, by index.
    pub runtimes: Vec<Runtime>,
    /// The tasks, sorted by runtime and id.
    pub tasks: Vec<Task>,
    /// The threads that were captured with the list; empty when none were requested.
    pub threads: Vec<TaskThread>,
    /// Loaded objects, to name the threads' frames.
    pub modules: Vec<Module>,
    /// The futures of threads that wait in `block_on`, by thread id: each as a task that is in no runtime and has no id,
    /// or why it is not known.
    pub block_on: HashMap<u32, Result<Task, Arc<str>>>,
    /// How many tasks were decoded, and what happened to the others.
    pub counts: Counts,
    /// Whether more tasks seem to run than threads can poll: they are of different moments.
    pub running_is_approximate: bool,
    /// The debug information found in each module that contains a task's type.
    pub debug_information: Vec<DebugInformation>,
    /// Why no memory was read, so that at most names are known; `None` when it was read.
    pub no_memory: Option<Unavailable>,
    /// When the list was made, nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// The same by `CLOCK_MONOTONIC` of the program, in nanoseconds; `None` if the agent does not tell.
    pub monotonic_ns: Option<u64>,
    /// Time that the agent needed for the list, in nanoseconds.
    pub list_ns: u64,
    /// Time that the inspector needed to decode it, including memory requests, in nanoseconds.
    pub decode_ns: u64,
}

impl Tasks {
    /// Whether the program told the agent about a runtime or `LocalSet`. Others can be found only in part.
    pub fn has_watched(&self) -> bool {
        self.runtimes.iter().any(|runtime| runtime.found_on.is_none())
    }
}

/// A runtime or `LocalSet`.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// The name it is watched under, or that the agent gave it.
    pub name: String,
    /// Its kind.
    pub kind: RuntimeKind,
    /// Worker threads.
    pub workers: u32,
    /// Tasks that have not ended, as Tokio counts them.
    pub alive_tasks: Known<u64>,
    /// How the list was made, or why there is none.
    pub list: Known<TaskList>,
    /// The thread on whose stack it was found; `None` if it is watched.
    pub found_on: Option<u32>,
}

/// What happened to the listed tasks; the numbers add up to `listed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tasks in the answer.
    pub listed: u64,
    /// With a complete async stack.
    pub decoded: u64,
    /// With a stack that ends early: memory or types are missing below it.
    pub cut: u64,
    /// Running when they were listed: their stack is that of their thread.
    pub running: u64,
    /// Complete, not yet dropped.
    pub complete: u64,
    /// Changed during reading: no stack is shown, because it might mix two moments.
    pub moved: u64,
    /// Without debug information about their future: at most its name is known.
    pub unknown: u64,
}

/// The debug information of a module.
#[derive(Debug, Clone)]
pub struct DebugInformation {
    /// Path of the module as the process sees it.
    pub module: String,
    /// The file it was read from.
    pub file: Option<String>,
    /// Its level of detail.
    pub level: DebugLevel,
    /// What is left out of it and cannot be completed, as text for users; empty when nothing is left out.
    pub note: String,
    /// How to get more, as text for users; empty when nothing helps.
    pub fix: String,
}

/// How much debug information shows of a task, in ascending order.
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
    /// Its state.
    pub state: State,
    /// Whether it was cancelled and was not polled since.
    pub is_cancelled: bool,
    /// Number of references: handles, wakers and queues.
    pub references: u64,
    /// The thread that polls it.
    pub tid: Option<u32>,
    /// The future it was spawned with; `None` without symbols.
    pub future: Option<TypeName>,
    /// The function that polls it: the same for all tasks with a future of one type. 0 if unknown.
    pub poll_avma: u64,
    /// Its async stack.
    pub stack: AsyncStack,
    /// Locks and permits its suspended functions hold.
    pub holds: Vec<Resource>,
    /// Those of them that a future keeps which the task does not poll now.
    pub set_aside: Vec<SetAside>,
    /// The earliest deadline of the timers it waits for which have not fired, in nanoseconds of `CLOCK_MONOTONIC`.
    pub due_ns: Option<u64>,
    /// Whether it was polled while a deadlock that it seemed to be part of was confirmed.
    pub goes_on: bool,
}

/// A lock or permit of a future that its task keeps and does not poll now: it is released only when the task
/// polls that future again, or drops it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SetAside {
    /// The lock or permit.
    pub resource: Resource,
    /// The future that has it.
    pub future: TypeName,
    /// Where that future is suspended.
    pub location: Option<Location>,
    /// Whether the lock was given to the future while it waited for it, and the future was not polled since: there
    /// is no guard yet.
    pub is_given: bool,
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
    /// Ended; its output was not taken yet.
    Complete,
}

/// A type's name in readable form, and in the compiler's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TypeName {
    /// `shop::checkout::reserve`.
    pub short: Arc<str>,
    /// `shop::checkout::reserve::{async_fn_env#0}<…>`.
    pub raw: Arc<str>,
}

/// Where a task waits, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AsyncStack {
    /// The outermost future and what it awaits.
    Decoded(Arc<Node>),
    /// Decoded as far as memory and types are available, and the reason why not further.
    Cut(Arc<Node>, Arc<str>),
    /// The task runs: see its thread.
    Running,
    /// The task has ended.
    Complete,
    /// The task changed during reading.
    Moved,
    /// Not decoded, and the reason.
    Unknown(Arc<str>),
}

/// A future that waits, and the futures it waits for: one of an `await`, several of a `select!`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// The future.
    pub name: TypeName,
    /// Its kind.
    pub kind: NodeKind,
    /// The `await` it is suspended at, in the author's code and not in a macro's.
    pub location: Option<Location>,
    /// The resource that it waits on itself, when it is a leaf.
    pub waits_on: Option<Resource>,
    /// The futures that it polls.
    pub children: Vec<Arc<Node>>,
    /// Children that are not listed: a `FuturesUnordered` may have thousands.
    pub children_left_out: u64,
}

/// The kind of a [`Node`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// An `async fn`.
    AsyncFn,
    /// An `async` block or closure.
    AsyncBlock,
    /// A `select!`; its children are the branches that are still pending.
    Select,
    /// A `join!`, `join_all`, `FuturesUnordered` or `JoinSet`.
    Join,
    /// Behind `dyn Future`; its child is the real one.
    Dyn,
    /// Any other future written by hand.
    Future,
}

/// The state of an async function.
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

/// A resource that tasks wait on or hold; equal for all tasks that refer to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its address; for a lock that of its semaphore, so that waiters and holders agree. 0 if it has none.
    pub avma: u64,
    /// A readable detail, if known: `sleeps 3.2 s more`, `127.0.0.1:80`, `fd 7`.
    pub detail: Option<Arc<str>>,
}

/// The end of a detail: a connection that waits for its socket may as well wait for what the body that it sends waits for.
pub(crate) const OR_ITS_BODY: &str = ", or what its body waits for (not decoded)";

impl Resource {
    /// The end of the detail that names what else may be waited for.
    pub fn or_another(&self) -> Option<&'static str> {
        self.detail.as_deref()?.ends_with(OR_ITS_BODY).then_some(OR_ITS_BODY)
    }
}

/// Kinds of [`Resource`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceKind {
    /// Another task, by a `JoinHandle`: [`Resource::avma`] is its header.
    Task,
    /// A closure of `spawn_blocking`: the same, but in no list.
    BlockingTask,
    /// `tokio::sync::Mutex`.
    Mutex,
    /// `tokio::sync::RwLock`, to read.
    RwLockRead,
    /// `tokio::sync::RwLock`, to write.
    RwLockWrite,
    /// `tokio::sync::Semaphore`, or a lock of unknown kind.
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
    /// An unknown kind.
    Other,
}
