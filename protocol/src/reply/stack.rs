//! Answer of `stack`: `Data` packets, each one [`StackPart`].

use super::{Known, Module, Stack, Unavailable};
use crate::codec::{Decode, Encode};
use crate::received::{NAME_CHARACTERS, Reason, Received, Sentence, Speaker, Text, fields, parts, plain};
use crate::tail::Tail;

/// Arguments of `stack`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct StackRequest {
    /// Maximum frames per stack, innermost first; the agent may keep fewer.
    pub max_depth: u32,
}

/// One part of the answer. `Modules` come before the first `Threads` that needs them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum StackPart {
    /// Loaded modules.
    Modules(Vec<Module>),
    /// Some of the threads.
    Threads(Vec<ThreadStack>),
    /// Last part.
    Summary(StackSummary),
}

/// A thread and its stack.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ThreadStack {
    /// Kernel thread id in the agent's pid namespace.
    pub tid: u32,
    /// Name (`comm`), at most 15 bytes on Linux, including any control characters.
    pub name: String,
    /// State letter of proc(5): `R` running, `S` sleeping, `D` uninterruptible, `T` stopped, …; `?` unknown.
    pub state: char,
    /// CPU time since the thread started, in nanoseconds.
    pub cpu_ns: Known<u64>,
    /// The kernel function it waits in (`wchan`); empty when it runs or the kernel hides it.
    pub wchan: String,
    /// The system call it is in.
    pub system_call: Known<SystemCall>,
    /// Whether it belongs to the agent.
    pub is_agent: bool,
    /// Id of the Tokio task it polls; 0 for none. `None` if that is not known: because of
    /// [`StackSummary::current_tasks`], or because this thread's memory could not be read.
    pub current_task: Option<u64>,
    /// How the stack was captured, or why not.
    pub capture: Capture,
    /// The stack.
    pub stack: Stack,
}

/// A thread's system call (`/proc/PID/task/TID/syscall`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum SystemCall {
    /// The thread is running or waiting for a CPU.
    Running,
    /// In a system call.
    Number {
        /// Its number on this architecture.
        number: u32,
        /// Its first argument: a descriptor, or the address of a futex.
        first_argument: u64,
    },
    /// Stopped outside a system call.
    NotInOne,
}

/// How a stack was captured.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum Capture {
    /// By a signal: the thread unwound itself in the handler.
    Signal {
        /// Why the quiet capture failed although the thread slept; empty when it ran or waited for a CPU.
        because: String,
    },
    /// Without a signal: a verified copy of the sleeping thread's stack was unwound.
    Quiet,
    /// By a walk of the agent's own stack.
    OwnThread,
    /// Not captured.
    Failed {
        /// The reason, lower case: `the thread blocks SIGPROF`, `no answer in 500 ms (state D)`, …
        reason: String,
    },
}

/// Cost and coverage of the dump.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct StackSummary {
    /// Start of the dump, in nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// Time from the first capture to the last, in nanoseconds.
    pub capture_ns: u64,
    /// The number of threads found.
    pub threads: u32,
    /// The number of threads captured.
    pub captured: u32,
    /// The number of threads that ended during the dump; they are not listed.
    pub vanished: u32,
    /// Why no thread's current task is known; `None` when they are known.
    pub current_tasks: Option<Unavailable>,
    /// Threads that did not run since an earlier dump. Absent from older agents.
    #[cfg_attr(test, wincode(skip))]
    pub waiting: Tail<Vec<WaitingThread>>,
}

/// A thread whose CPU clock is that of an earlier dump: it did not run in between, and so it has the same stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct WaitingThread {
    /// Its id.
    pub tid: u32,
    /// The time since the first such dump, in nanoseconds: it waits at least for so long.
    pub for_ns: u64,
}

parts! {
    StackPart { Modules, Threads, Summary }
}

fields! {
    ThreadStack {
        tid, name: NAME_CHARACTERS, state, cpu_ns, wchan: NAME_CHARACTERS, system_call, is_agent,
        current_task, capture, stack,
    }
    StackSummary { unix_ns, capture_ns, threads, captured, vanished, current_tasks, waiting }
    WaitingThread { tid, for_ns }
}

plain!(SystemCall);

impl Received for Capture {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        match self {
            Capture::Signal { because } => because.receive_as(Sentence, speaker),
            Capture::Failed { reason } => reason.receive_as(Reason, speaker),
            Capture::Quiet | Capture::OwnThread => 0,
        }
    }
}
