//! One thread as reports show it: its role, its activity and its stack.

use std::sync::Arc;

use rgops_protocol::reply::stack::{Capture, SystemCall, ThreadStack};
use rgops_protocol::reply::{Known, StackEnd};
use serde::Serialize;

use super::likeness::{Likeness, Likenesses};
use super::parked::may_park_in;
use super::role::Role;
use crate::budget::{Budget, Exhausted};
use crate::symbols::{Frame, Symbolizer};
use crate::text::system_call::{self, Architecture};

/// A thread with its named frames.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Thread {
    /// Kernel thread id in the agent's pid namespace.
    pub tid: u32,
    /// Name (`comm`) as the thread set it.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// What it is doing, as far as known.
    pub activity: Activity,
    /// As text: `running`, `futex wait`, `epoll_wait`, `sleep`, `uninterruptible`, …
    pub state: String,
    /// State letter of proc(5).
    pub state_letter: char,
    /// Name of the system call that it is in; empty if it is not in one.
    pub system_call: Known<String>,
    /// Address of the futex that it waits at; `None` if it is in no such call, or that is not known.
    pub futex: Option<u64>,
    /// Kernel function that it waits in; empty if it is running or the kernel hides it.
    pub wchan: String,
    /// CPU time used since it started, in nanoseconds.
    pub cpu_ns: Known<u64>,
    /// The Tokio task it polls, or whose blocking function it runs.
    pub polls: Option<Polled>,
    /// How its stack was captured, or why not.
    pub capture: Capture,
    /// Addresses, leaf first. Threads with equal addresses are grouped.
    pub addresses: Vec<u64>,
    /// Frames, innermost first, inlined ones included.
    pub frames: Vec<Frame>,
    /// How the walk ended.
    pub end: StackEnd,
    /// Whether it moved while it was watched; `None` if it was not.
    pub moved: Option<Moved>,
    /// At least for how long it has waited, in nanoseconds: it did not run since an earlier `stack` command; `None` if it
    /// ran, or nobody asked before.
    pub waiting_ns: Option<u64>,
    /// Whether the outermost frame's code has unwind data.
    pub(super) has_unwind_data: bool,
}

/// Whether a thread moved while it was watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Moved {
    /// It had the same stack and used no CPU in all this time, in nanoseconds: it did not run.
    Not {
        /// The time.
        for_ns: u64,
    },
    /// It ran.
    Ran,
    /// Not known: it was not there at the beginning, its CPU time or its stack is not known, or a signal of the agent ran
    /// it in between.
    Unknown,
}

/// The task that a thread polls: the id, the name or both are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Polled {
    /// Tokio's id, from the runtime's thread-local; `None` if that could not be read.
    pub task: Option<u64>,
    /// The task's outermost function in the native stack that is not from a library; `None` without symbols.
    pub name: Option<String>,
}

impl Polled {
    fn new(current_task: Option<u64>, role: Role, poll: Option<Option<String>>) -> Option<Polled> {
        match (current_task, poll) {
            (Some(0), _) | (None, None) => None,
            // A worker itself runs in a task of the blocking pool, whose id is there between two polls.
            (Some(_), None) if role == Role::TokioWorker => None,
            (task, name) => {
                let name = name.flatten();
                (task.is_some() || name.is_some()).then_some(Polled { task, name })
            }
        }
    }
}

/// What a thread is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activity {
    /// On a CPU or waiting for one.
    Running,
    /// Waiting in code of the program or its libraries.
    Blocked,
    /// Parked by its runtime: without work, or in `block_on` of a future that waits.
    Idle,
}

/// Bytes charged per thread until it is shown, and per frame: for the frame itself, its JSON form and its printed
/// form, including texts.
const THREAD_BYTES: u64 = 1024;
const FRAME_BYTES: u64 = 3 * size_of::<Frame>() as u64;
/// An escaped character may take a dozen bytes (`\u{e0001}`), but names of functions do not contain such ones.
const TEXT_COPIES: u64 = 3;

impl Thread {
    /// A thread with its frames named, within the budget.
    ///
    /// # Errors
    /// When memory or time does not suffice for its frames.
    pub(in crate::report) fn within(
        budget: &Budget,
        thread: ThreadStack,
        pid: u32,
        architecture: Architecture,
        symbolizer: &mut Symbolizer,
        likenesses: &mut Likenesses,
    ) -> Result<Thread, Exhausted> {
        budget.check_time()?;
        // Charged before it is allocated; inlined functions are added below.
        budget.charge(THREAD_BYTES + FRAME_BYTES.saturating_mul(thread.stack.frames.len() as u64))?;
        let frames = symbolizer.stack(&thread.stack);
        let text = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len());
        let texts: usize = frames.iter().map(|frame| text(&frame.function) + text(&frame.file)).sum();
        let inlined = frames.len().saturating_sub(thread.stack.frames.len()) as u64;
        budget.charge(FRAME_BYTES.saturating_mul(inlined) + TEXT_COPIES.saturating_mul(texts as u64))?;
        let module = thread.stack.frames.last().and_then(|outermost| symbolizer.module(*outermost));
        let has_unwind_data = module.is_some_and(|module| module.has_unwind_data);
        let likeness = likenesses.of(&thread.stack.frames, &frames);
        Ok(Thread { has_unwind_data, ..Thread::new(thread, pid, architecture, frames, likeness) })
    }

    fn new(
        thread: ThreadStack,
        pid: u32,
        architecture: Architecture,
        frames: Vec<Frame>,
        likeness: Likeness,
    ) -> Thread {
        let system_call = thread.system_call.clone().map(|call| match call {
            SystemCall::Number { number, .. } => system_call::name(architecture, number),
            SystemCall::Running | SystemCall::NotInOne => String::new(),
        });
        let futex = match (thread.system_call.value(), system_call.value().map(String::as_str)) {
            (Some(SystemCall::Number { first_argument, .. }), Some("futex" | "futex_wait")) => {
                Some(*first_argument)
            }
            _ => None,
        };
        let is_running = thread.state == 'R' || thread.system_call.value() == Some(&SystemCall::Running);
        let role = role(&thread, pid, &likeness);
        let polls = Polled::new(thread.current_task, role, likeness.poll);
        let activity = if is_running {
            Activity::Running
        } else if likeness.is_parked && may_park_in(system_call.value().map_or("", String::as_str)) {
            Activity::Idle
        } else {
            Activity::Blocked
        };
        Thread {
            state: state(&thread, is_running, &system_call),
            tid: thread.tid,
            name: thread.name,
            role,
            activity,
            state_letter: thread.state,
            futex,
            system_call,
            wchan: thread.wchan,
            cpu_ns: thread.cpu_ns,
            polls,
            capture: thread.capture,
            addresses: thread.stack.frames,
            frames,
            end: thread.stack.end,
            moved: None,
            waiting_ns: None,
            has_unwind_data: false,
        }
    }
}

fn state(thread: &ThreadStack, is_running: bool, system_call: &Known<String>) -> String {
    if is_running {
        return "running".to_owned();
    }
    let waiting = match system_call.value().map(String::as_str) {
        Some("futex" | "futex_wait" | "futex_waitv") => "futex wait".to_owned(),
        Some("nanosleep" | "clock_nanosleep") => "sleep".to_owned(),
        // Libraries implement epoll_wait(2) with these on some architectures.
        Some("epoll_pwait" | "epoll_pwait2") => "epoll_wait".to_owned(),
        Some("") | None => String::new(),
        Some(call) => call.to_owned(),
    };
    let letter = match thread.state {
        'S' if !waiting.is_empty() => return waiting,
        'S' => "sleeping",
        'D' => "uninterruptible",
        'T' => "stopped",
        't' => "stopped by a debugger",
        'Z' | 'X' => "ended",
        'I' => "idle",
        _ => "state unknown",
    };
    if waiting.is_empty() { letter.to_owned() } else { format!("{letter}, {waiting}") }
}

/// The main thread of a program is shown as such, also while it blocks on a runtime.
fn role(thread: &ThreadStack, pid: u32, likeness: &Likeness) -> Role {
    match likeness.role {
        _ if thread.is_agent => Role::Agent,
        _ if thread.tid == pid => Role::Main,
        Some(role) => role,
        // Tokio's default names; the kernel truncates them to 15 bytes.
        None if thread.name.starts_with("tokio-r") && !likeness.has_rust => Role::Tokio,
        None => Role::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::poll::poll;
    use super::*;

    fn frames(functions: &[&str]) -> Vec<Frame> {
        let frame =
            |function: &&str| Frame { function: Some((*function).into()), file: None, ..Frame::unknown(0) };
        functions.iter().map(frame).collect()
    }

    #[test]
    fn the_task_that_runs_a_worker_is_not_what_it_polls() {
        let worker =
            ["tokio::runtime::scheduler::multi_thread::worker::run", "tokio::runtime::task::raw::poll"];
        let poll = |functions: &[&str]| poll(&frames(functions)).map(|poll| poll.name);
        let parked = poll(&[&["epoll_wait"][..], &worker].concat());
        assert_eq!(Polled::new(Some(1), Role::TokioWorker, parked), None);
        let polls = ["shop::reserve", "tokio::runtime::task::raw::poll"];
        let polling = Polled::new(Some(9), Role::TokioWorker, poll(&[&polls[..], &worker].concat()));
        assert_eq!(polling, Some(Polled { task: Some(9), name: Some("shop::reserve".to_owned()) }));
        // A closure of spawn_blocking is also a task; without symbols, any Tokio thread may run one.
        for role in [Role::TokioBlocking, Role::Tokio] {
            assert_eq!(Polled::new(Some(9), role, None), Some(Polled { task: Some(9), name: None }));
        }
    }
}
