//! Answer of `tasks`: `Data` packets, each one [`TasksPart`].
//!
//! The agent sends the tasks of its Tokio runtimes as words and bytes of this process; the inspector knows
//! types and makes stacks of them. A task is identified by its header's address; its vtable determines where in
//! the *cell* (header, scheduler, id, future, trailer: one allocation) the other pieces are.

use super::stack::ThreadStack;
use super::{Known, Module, Unavailable};
use crate::codec::{Decode, Encode};
use crate::received::{NAME_CHARACTERS, Received, Speaker, fields, parts, plain};

/// Arguments of `tasks`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TasksRequest {
    /// Bytes of each task's cell that are wanted; 0 lists the tasks without.
    pub max_cell_bytes: u32,
    /// Frames kept of each thread's stack, leaf first; 0 lists no threads.
    pub max_depth: u32,
}

/// One part of the answer. A runtime comes before its tasks, a vtable before the first task that
/// refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum TasksPart {
    /// Loaded objects.
    Modules(Vec<Module>),
    /// A watched runtime or `LocalSet`.
    Runtime(TaskRuntime),
    /// Vtables, numbered through the whole answer in the order they are sent.
    Vtables(Vec<TaskVtable>),
    /// Some of the tasks.
    Tasks(Vec<TaskCell>),
    /// Some of the threads, captured right after the list.
    Threads(Vec<TaskThread>),
    /// Last part.
    Summary(TasksSummary),
}

/// A place tasks are spawned on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TaskRuntime {
    /// Its number, to which [`TaskCell::runtime`] refers.
    pub index: u32,
    /// The name it is watched under.
    pub name: String,
    /// What it is.
    pub kind: RuntimeKind,
    /// Worker threads; 1 for those that have none of their own.
    pub workers: u32,
    /// The words of the program's `tokio::runtime::Handle`: a tag and a pointer to the scheduler's
    /// shared state. Empty for a `LocalSet`.
    pub handle_words: Vec<u64>,
    /// Tasks that have not ended, as Tokio counts them, the agent's own left out.
    pub alive_tasks: Known<u64>,
    /// How the list came about, or why there is none.
    pub list: Known<TaskList>,
}

/// What kind of scheduler a task belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum RuntimeKind {
    /// `Builder::new_current_thread`.
    CurrentThread,
    /// `Builder::new_multi_thread`.
    MultiThread,
    /// A `LocalSet`.
    LocalSet,
}

/// How completely a runtime's tasks were listed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TaskList {
    /// Lists the runtime keeps its tasks in (shards).
    pub shards: u32,
    /// Of these, lists that changed so fast that the walk was given up: tasks may be missing.
    pub incomplete_shards: u32,
    /// Tasks found, the agent's own left out.
    pub listed: u32,
}

/// A task vtable: one for each type of future and scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TaskVtable {
    /// Address of the vtable.
    pub avma: u64,
    /// Its poll function: `tokio::runtime::task::raw::poll::<T, S>`, which names the future.
    pub poll_avma: u64,
    /// From the header to the task's id, in bytes.
    pub id_offset: u32,
    /// From the header to the trailer, in bytes: where the future's bytes end.
    pub trailer_offset: u32,
}

/// A task as it is in memory.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TaskCell {
    /// [`TaskRuntime::index`].
    pub runtime: u32,
    /// Tokio's task id.
    pub id: u64,
    /// Address of the header.
    pub header_avma: u64,
    /// Number of its [`TaskVtable`].
    pub vtable: u32,
    /// The state word: flags in the low six bits, the reference count above.
    pub state: u64,
    /// The cell's bytes.
    pub bytes: CellBytes,
}

/// The bytes of a cell from its header to its trailer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum CellBytes {
    /// Read twice with the same result; at most the requested number of bytes.
    Read(Vec<u8>),
    /// Not read: they were not requested, or the task is running or complete, so that they have no meaning.
    NotRead,
    /// The task changed between the two readings.
    Moved,
    /// They cannot be read.
    Unreadable,
}

/// A thread, and the task it polls.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TaskThread {
    /// The thread, the task it polls, and its stack.
    pub stack: ThreadStack,
    /// Address of the thread-local that says which task it polls, a `Cell<Option<Id>>` within Tokio's
    /// `CONTEXT`; `None` when it is not known.
    pub current_task_avma: Option<u64>,
}

/// What the answer cost and covers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TasksSummary {
    /// When the listing began, nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// Time the listing took, in nanoseconds.
    pub list_ns: u64,
    /// Time the capture of the threads' stacks took, in nanoseconds, or why there is none.
    pub capture_ns: Known<u64>,
    /// Why it is known of no thread which task it polls; `None` when it is.
    pub current_tasks: Option<Unavailable>,
    /// Tasks the agent spawned to find the others. They are in no list and no count.
    pub anchors: u32,
    /// Whether [`crate::request::Command::Read`] is answered on this connection's transport, and what would allow it.
    pub memory: Option<Unavailable>,
}

parts! {
    TasksPart { Modules, Runtime, Vtables, Tasks, Threads, Summary }
}

fields! {
    TaskRuntime {
        index, name: NAME_CHARACTERS, kind, workers, handle_words, alive_tasks, list,
    }
    TaskCell { runtime, id, header_avma, vtable, state, bytes }
    TaskThread { stack, current_task_avma }
    TasksSummary { unix_ns, list_ns, capture_ns, current_tasks, anchors, memory }
}

plain!(RuntimeKind, TaskList, TaskVtable);

impl Received for CellBytes {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        match self {
            CellBytes::Read(bytes) => bytes.receive(speaker),
            CellBytes::NotRead | CellBytes::Moved | CellBytes::Unreadable => 0,
        }
    }
}
