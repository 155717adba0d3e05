//! Asks an agent for its tasks, and for the memory that decoding needs: what `rgops tasks` calls.

use std::path::PathBuf;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::reply::tasks::{TaskCell, TasksPart};
use rgops_protocol::request::{Request, TasksRequest};

use super::model::{AsyncStack, Counts, Runtime, State, Task, Tasks};
use crate::client::{Client, ClientError};

/// Where debug files are, and how much is asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The process on this host, whose `/proc/PID` has its files; as for `symbols::Symbolizer::new`.
    pub local_pid: Option<u32>,
    /// Further directories with debug files.
    pub symbol_directories: Vec<PathBuf>,
    /// Frames kept of each thread's stack; 0 asks for no threads.
    pub max_depth: u32,
}

/// What is being done, for a line on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The agent lists its tasks; so many came.
    Listing {
        /// Tasks so far.
        tasks: u64,
    },
    /// Debug information is read for the first time: it will be remembered by its build-id.
    DebugInformation,
    /// Async stacks are decoded.
    Decoding {
        /// Tasks done.
        done: u64,
        /// Of so many.
        total: u64,
    },
}

/// A program's tasks, and how the answer ended.
#[derive(Debug)]
pub struct Fetched {
    /// Who answered.
    pub hello: AgentHello,
    /// What was decoded.
    pub tasks: Tasks,
    /// What the list lacks, or why it broke off.
    pub end: Result<End, ClientError>,
}

/// Lists and decodes.
///
/// `client` is asked for the list. A connection answers one request: those for memory go over what
/// `reconnect` makes, which must reach the same process (its cookie is compared).
///
/// # Errors
/// When nothing was answered at all.
pub fn fetch(
    client: Client,
    _reconnect: &mut dyn FnMut() -> Result<Client, ClientError>,
    options: &Options,
    on_step: &mut dyn FnMut(Step),
) -> Result<Fetched, ClientError> {
    let hello = client.hello().clone();
    on_step(Step::Listing { tasks: 0 });
    let request = TasksRequest { max_cell_bytes: 0, max_depth: options.max_depth };
    let mut answer = client.ask(&Request::Tasks(request))?;
    let collected =
        answer.collect::<TasksPart>(&mut |progress| on_step(Step::Listing { tasks: progress.gathered }));
    if collected.parts.is_empty()
        && let Err(error) = collected.end
    {
        return Err(error);
    }
    let mut tasks = Tasks {
        runtimes: Vec::new(),
        tasks: Vec::new(),
        threads: Vec::new(),
        modules: Vec::new(),
        counts: Counts::default(),
        debug_information: Vec::new(),
        no_memory: None,
        unix_ns: 0,
        list_ns: 0,
        decode_ns: 0,
    };
    for part in collected.parts {
        match part {
            TasksPart::Modules(more) => tasks.modules.extend(more),
            TasksPart::Runtime(runtime) => tasks.runtimes.push(Runtime {
                name: runtime.name,
                kind: runtime.kind,
                workers: runtime.workers,
                alive_tasks: runtime.alive_tasks,
                list: runtime.list,
            }),
            TasksPart::Vtables(_) => {}
            TasksPart::Tasks(cells) => tasks.tasks.extend(cells.iter().map(undecoded)),
            TasksPart::Threads(more) => tasks.threads.extend(more),
            TasksPart::Summary(summary) => {
                tasks.unix_ns = summary.unix_ns;
                tasks.list_ns = summary.list_ns;
                tasks.no_memory = summary.memory;
            }
        }
    }
    for task in &mut tasks.tasks {
        let thread = tasks.threads.iter().find(|thread| thread.stack.current_task == Some(task.id));
        task.tid = thread.map(|thread| thread.stack.tid);
        tasks.counts.listed += 1;
        match task.state {
            State::Running => tasks.counts.running += 1,
            State::Complete => tasks.counts.complete += 1,
            State::Idle | State::Scheduled => tasks.counts.unknown += 1,
        }
    }
    Ok(Fetched { hello, tasks, end: collected.end })
}

/// A task of which only the list is known.
fn undecoded(cell: &TaskCell) -> Task {
    // Bits of Tokio's state word (tokio/src/runtime/task/state.rs): the low six are flags.
    const RUNNING: u64 = 1;
    const COMPLETE: u64 = 2;
    const NOTIFIED: u64 = 4;
    const CANCELLED: u64 = 32;
    let (state, stack) = match cell.state {
        word if word & COMPLETE != 0 => (State::Complete, AsyncStack::Complete),
        word if word & RUNNING != 0 => (State::Running, AsyncStack::Running),
        word if word & NOTIFIED != 0 => (State::Scheduled, AsyncStack::Unknown("not decoded".into())),
        _ => (State::Idle, AsyncStack::Unknown("not decoded".into())),
    };
    Task {
        runtime: cell.runtime as usize,
        id: cell.id,
        header_avma: cell.header_avma,
        state,
        is_cancelled: cell.state & CANCELLED != 0,
        references: cell.state >> 6,
        tid: None,
        future: None,
        stack,
        holds: Vec::new(),
    }
}
