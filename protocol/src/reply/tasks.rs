//! Answer of `tasks`: `Data` packets, each one [`TasksPart`].
//!
//! The agent sends the tasks of its Tokio runtimes as words and bytes of this process; the inspector knows the
//! types and decodes stacks from them. A task is identified by its header's address. Its vtable determines the
//! positions of the other parts in the *cell* (header, scheduler, id, future, trailer: one allocation).

use super::stack::ThreadStack;
use super::{Known, Module, Unavailable};
use crate::codec::{Decode, Encode};
use crate::received::{NAME_CHARACTERS, Received, Speaker, fields, parts, plain};
use crate::tail::Tail;

/// Arguments of `tasks`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TasksRequest {
    /// Maximum number of bytes of each task's cell to send; 0 lists the tasks without them.
    pub max_cell_bytes: u32,
    /// Maximum frames per thread's stack, innermost first; 0 lists no threads.
    pub max_depth: u32,
}

/// One part of the answer. A runtime comes before its tasks, a vtable before the first task that
/// refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum TasksPart {
    /// Loaded modules.
    Modules(Vec<Module>),
    /// A runtime or `LocalSet`.
    Runtime(TaskRuntime),
    /// Vtables, numbered across the whole answer in the order they are sent.
    Vtables(Vec<TaskVtable>),
    /// Some of the tasks.
    Tasks(Vec<TaskCell>),
    /// Some of the threads, captured directly after the list.
    Threads(Vec<TaskThread>),
    /// Last part.
    Summary(TasksSummary),
}

/// A runtime or `LocalSet` that tasks are spawned on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TaskRuntime {
    /// Its number, which [`TaskCell::runtime`] refers to.
    pub index: u32,
    /// The name it is watched under, or that the agent gave it.
    pub name: String,
    /// The kind of its scheduler.
    pub kind: RuntimeKind,
    /// The number of worker threads; 1 for a scheduler without its own.
    pub workers: u32,
    /// The words of the program's `tokio::runtime::Handle`: a tag and a pointer to the scheduler's
    /// shared state. Empty for a `LocalSet`.
    pub handle_words: Vec<u64>,
    /// Tasks that are not complete, as counted by Tokio, without the agent's own.
    pub alive_tasks: Known<u64>,
    /// How complete the list is, or why there is none.
    pub list: Known<TaskList>,
    /// The thread on whose stack a `LocalSet` was found that is not watched; 0 for a watched runtime or `LocalSet`.
    #[cfg_attr(test, wincode(skip))]
    pub found_on: Tail<u32>,
}

/// The kind of a scheduler.
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

/// The completeness of a runtime's task list.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TaskList {
    /// The number of lists that the runtime keeps its tasks in (shards).
    pub shards: u32,
    /// The number of shards that changed too fast to be walked completely: tasks may be missing.
    pub incomplete_shards: u32,
    /// The number of tasks found, without the agent's own.
    pub listed: u32,
}

/// A task vtable. There is one for each type of future and scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TaskVtable {
    /// Address of the vtable.
    pub avma: u64,
    /// Its poll function: `tokio::runtime::task::raw::poll::<T, S>`, whose name contains the future.
    pub poll_avma: u64,
    /// Distance from the header to the task's id, in bytes.
    pub id_offset: u32,
    /// Distance from the header to the trailer, in bytes, which is the end of the future's bytes.
    pub trailer_offset: u32,
}

/// A task in memory.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TaskCell {
    /// [`TaskRuntime::index`].
    pub runtime: u32,
    /// Tokio's task id.
    pub id: u64,
    /// Address of the header.
    pub header_avma: u64,
    /// The number of its [`TaskVtable`].
    pub vtable: u32,
    /// The state word: flags in the low six bits, the reference count above.
    pub state: u64,
    /// The cell's bytes.
    pub bytes: CellBytes,
}

/// The bytes of a cell, from its header to its trailer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum CellBytes {
    /// Read twice with the same result; at most the requested number of bytes.
    Read(Vec<u8>),
    /// Not read: they were not requested, or they have no meaning because the task is running or complete.
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
    /// The thread with its stack and its current task.
    pub stack: ThreadStack,
    /// Address of the thread-local with its current task, a `Cell<Option<Id>>` within Tokio's
    /// `CONTEXT`; `None` if it is not known.
    pub current_task_avma: Option<u64>,
}

/// Cost and coverage of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TasksSummary {
    /// Start of the listing, in nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// Duration of the listing, in nanoseconds.
    pub list_ns: u64,
    /// Duration of the capture of the threads' stacks, in nanoseconds, or why there is none.
    pub capture_ns: Known<u64>,
    /// Why no thread's current task is known; `None` when they are known.
    pub current_tasks: Option<Unavailable>,
    /// The number of tasks that the agent spawned to find the others. They are in no list and no count.
    pub anchors: u32,
    /// Why the bytes of cells are not sent on this connection, and how to allow it; `None` when memory may be read.
    pub memory: Option<Unavailable>,
    /// Start of the listing by `CLOCK_MONOTONIC` of the program, with which Tokio's timers are compared, in nanoseconds.
    #[cfg_attr(test, wincode(skip))]
    pub monotonic_ns: Tail<u64>,
}

parts! {
    TasksPart { Modules, Runtime, Vtables, Tasks, Threads, Summary }
}

fields! {
    TaskRuntime {
        index, name: NAME_CHARACTERS, kind, workers, handle_words, alive_tasks, list, found_on,
    }
    TaskCell { runtime, id, header_avma, vtable, state, bytes }
    TaskThread { stack, current_task_avma }
    TasksSummary { unix_ns, list_ns, capture_ns, current_tasks, anchors, memory, monotonic_ns }
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
