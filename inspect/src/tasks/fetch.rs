//! Asks an agent for its tasks and for the memory that decoding needs; used by `rgops tasks`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::tasks::{TaskCell, TaskVtable, TasksPart};
use rgops_protocol::reply::{End, Module};
use rgops_protocol::request::{Request, TasksRequest};
use rgops_tasks::decode::{Decoder, bytes_of, state_of};
use rgops_tasks::model::{Runtime, State, Tasks};
use rgops_tasks::types::ProgramTypes;

use crate::client::{Client, ClientError};
use crate::tasks::block_on::{self, Blocked};
use crate::tasks::confirm::{confirm, lengths};
use crate::tasks::files::{TypeFiles, program_types};
use crate::tasks::memory::Memory;
use crate::tasks::running::settle;
use crate::tasks::watch::{Watched, places, watch};

/// Requested bytes of a cell. Tokio boxes futures of more than 16 KiB.
const MAX_CELL_BYTES: u32 = 64 * 1024;

/// Memory of a task in bytes until it is shown, besides its cell and its stack.
const TASK_BYTES: u64 = 1024;

/// Places of debug files, and the amount of data to request.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The process on this host; its `/proc/PID` has its files. See `symbols::Symbolizer::new`.
    pub local_pid: Option<u32>,
    /// Further directories with debug files.
    pub symbol_directories: Vec<PathBuf>,
    /// Frames kept of each thread's stack; 0 requests no threads.
    pub max_depth: u32,
    /// How long the tasks are watched afterwards; `None` if they are not.
    pub watch: Option<Duration>,
}

/// The current step, for a progress line on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The agent lists its tasks.
    Listing {
        /// Tasks received.
        tasks: u64,
    },
    /// Debug information is read for the first time; the result is cached by build-id.
    DebugInformation,
    /// Async stacks are decoded.
    Decoding {
        /// Tasks decoded.
        done: u64,
        /// All tasks to decode.
        total: u64,
    },
    /// It is watched which of them move.
    Watching,
}

/// A program's tasks, and how the answer ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fetched {
    /// The agent's hello.
    pub hello: AgentHello,
    /// The decoded tasks.
    pub tasks: Tasks,
    /// What the list lacks, or why it ended early.
    pub end: Result<End, ClientError>,
    /// Which tasks did not move while they were watched; `None` if they were not.
    pub watched: Option<Watched>,
}

/// Lists and decodes the tasks.
///
/// The list is requested from `client`. A connection answers one request, so requests for memory use
/// connections from `reconnect`, which must lead to the same process (its cookie is compared).
///
/// # Errors
/// When the agent sent no answer.
pub fn fetch(
    client: Client,
    reconnect: &mut dyn FnMut() -> Result<Client, ClientError>,
    options: &Options,
    on_step: &mut dyn FnMut(Step),
) -> Result<Fetched, ClientError> {
    fetch_with(client, reconnect, options, &mut |_| Vec::new(), on_step)
}

/// The same, with the futures of the threads that wait in `block_on`: which ones do is told by `blocked`, from the
/// threads of the answer.
pub(crate) fn fetch_with(
    client: Client,
    reconnect: &mut dyn FnMut() -> Result<Client, ClientError>,
    options: &Options,
    blocked: &mut dyn FnMut(&mut Tasks) -> Vec<Blocked>,
    on_step: &mut dyn FnMut(Step),
) -> Result<Fetched, ClientError> {
    let hello = client.hello().clone();
    let budget = client.budget().clone();
    on_step(Step::Listing { tasks: 0 });
    let request = TasksRequest { max_cell_bytes: MAX_CELL_BYTES, max_depth: options.max_depth };
    let mut answer = client.ask(&Request::Tasks(request))?;
    let collected =
        answer.collect::<TasksPart>(&mut |progress| on_step(Step::Listing { tasks: progress.gathered }));
    if collected.parts.is_empty()
        && let Err(error) = collected.end
    {
        return Err(error);
    }
    let began = Instant::now();
    let (mut tasks, vtables, mut cells) = sorted(collected.parts);
    // Cells that exceed the memory limit are left out; the other tasks are shown.
    let bytes_of_cells = cells.iter().map(bytes_of).sum();
    let fitting = cells.iter().take_while(|_| budget.charge(TASK_BYTES).is_ok()).count();
    let mut broken_off: Option<ClientError> = (fitting < cells.len()).then(|| budget.exhausted().into());
    cells.truncate(fitting);
    let files = TypeFiles {
        local_pid: options.local_pid,
        symbol_directories: options.symbol_directories.clone(),
        budget: budget.clone(),
    };
    let on_step = RefCell::new(on_step);
    let types = program_types(&tasks.modules, &files, |_| on_step.borrow_mut()(Step::DebugInformation));
    // The decoder charges the bytes that it keeps.
    budget.release(bytes_of_cells);
    let lengths = lengths(&vtables, &cells);
    let places = places(&vtables, &cells);
    let running = cells.iter().filter(|cell| state_of(cell.state) == State::Running);
    let vtable = |cell: &TaskCell| Some((cell.header_avma, vtables.get(cell.vtable as usize)?.avma));
    let vtables_of_running: HashMap<u64, u64> = running.filter_map(vtable).collect();
    let mut decoder = Decoder::new(&budget, &types, vtables.clone(), cells);
    let mut memory = Memory::new(reconnect, hello.cookie);
    let decoded = memory.serve(&mut decoder, &budget, &mut |done, total| {
        on_step.borrow_mut()(Step::Decoding { done, total });
    });
    broken_off = decoded.err().or(broken_off);
    (tasks.tasks, tasks.counts) = decoder.finish();
    tasks.tasks.sort_by_key(|task| (task.runtime, task.id));
    tasks.debug_information = types.information();
    tasks.decode_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let tids: HashMap<u64, u32> = tasks
        .threads
        .iter()
        .filter_map(|thread| Some((thread.stack.current_task?, thread.stack.tid)))
        .collect();
    for task in &mut tasks.tasks {
        task.tid = tids.get(&task.id).copied();
    }
    if broken_off.is_none() {
        let looked_again = settle(&mut tasks, &vtables_of_running, &mut memory)
            .and_then(|()| confirm(&mut tasks, &lengths, &mut memory));
        broken_off = looked_again.err();
    }
    let blocked = blocked(&mut tasks);
    tasks.block_on = match (&tasks.no_memory, &broken_off) {
        (Some(missing), _) => block_on::none(&blocked, &missing.reason),
        (None, Some(error)) => block_on::none(&blocked, &error.to_string()),
        (None, None) => {
            let listed = tasks.tasks.iter().map(|task| task.header_avma);
            let decoder = || Decoder::of_block_ons(&budget, &types, vtables.clone(), listed.clone());
            block_on::decode(&blocked, &budget, decoder, &mut memory)
        }
    };
    let mut watched = None;
    if let Some(time) = options.watch.filter(|_| broken_off.is_none() && tasks.no_memory.is_none()) {
        match watch(&tasks, &places, &mut memory, time, &mut || on_step.borrow_mut()(Step::Watching)) {
            Ok(seen) => watched = Some(seen),
            Err(error) => broken_off = Some(error),
        }
    }
    let end = match broken_off {
        Some(error) => Err(error),
        None => collected.end,
    };
    Ok(Fetched { hello, tasks, end, watched })
}

/// What is kept from one look at the tasks to the next: the types of the program.
#[derive(Default)]
pub(crate) struct KeptTypes(Option<ProgramTypes<'static>>);

/// Lists and decodes the tasks once more, without threads and without what `rgops tasks` looks at twice. `modules` are
/// the loaded objects, and `files` the places of their types, with a budget for all looks.
///
/// # Errors
/// When the agent sent no complete answer.
pub(crate) fn look(
    client: Client,
    reconnect: &mut dyn FnMut() -> Result<Client, ClientError>,
    modules: &[Module],
    files: &TypeFiles,
    kept: &mut KeptTypes,
) -> Result<Tasks, ClientError> {
    let (cookie, budget) = (client.hello().cookie, client.budget().clone());
    let request = TasksRequest { max_cell_bytes: MAX_CELL_BYTES, max_depth: 0 };
    let collected = client.ask(&Request::Tasks(request))?.collect::<TasksPart>(&mut |_| {});
    collected.end?;
    let (mut tasks, vtables, cells) = sorted(collected.parts);
    for _ in &cells {
        budget.charge(TASK_BYTES).map_err(ClientError::from)?;
    }
    let types = kept.0.get_or_insert_with(|| program_types(modules, files, |_| {}));
    let mut decoder = Decoder::new(&budget, types, vtables, cells);
    Memory::new(reconnect, cookie).serve(&mut decoder, &budget, &mut |_, _| {})?;
    (tasks.tasks, tasks.counts) = decoder.finish();
    Ok(tasks)
}

/// Separates the parts of an answer by kind.
fn sorted(parts: Vec<TasksPart>) -> (Tasks, Vec<TaskVtable>, Vec<TaskCell>) {
    let mut tasks = Tasks::default();
    let (mut vtables, mut cells) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            TasksPart::Modules(more) => tasks.modules.extend(more),
            TasksPart::Runtime(runtime) => tasks.runtimes.push(Runtime {
                name: runtime.name,
                kind: runtime.kind,
                workers: runtime.workers,
                alive_tasks: runtime.alive_tasks,
                list: runtime.list,
                found_on: runtime.found_on.value().copied().filter(|tid| *tid != 0),
            }),
            TasksPart::Vtables(more) => vtables.extend(more),
            TasksPart::Tasks(more) => cells.extend(more),
            TasksPart::Threads(more) => tasks.threads.extend(more),
            TasksPart::Summary(summary) => {
                tasks.unix_ns = summary.unix_ns;
                tasks.monotonic_ns = summary.monotonic_ns.value().copied();
                tasks.list_ns = summary.list_ns;
                tasks.no_memory = summary.memory;
            }
        }
    }
    (tasks, vtables, cells)
}
