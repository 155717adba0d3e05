//! `--detail`: the thread of each worker, the task that it polls, and the tasks that are not idle.
//!
//! A list of the tasks and threads shows the task that a thread polls and the address of its `CONTEXT`,
//! Tokio's own thread-local. A worker is itself run by a task of the blocking pool, whose id is in the
//! thread-local between two polls: so only ids in the list count. The context points at the scheduler's
//! context on the worker's stack, with the worker's index and its core. All of it is read a moment after the
//! line that it belongs to. A thread counts as a worker only when its context points at the scheduler of the
//! same runtime.

use std::collections::{HashMap, HashSet};

use rgops_protocol::reply::schedtrace::SchedtraceRuntime;
use rgops_protocol::reply::tasks::{TaskCell, TaskThread, TaskVtable, TasksPart};
use rgops_protocol::reply::{Known, Module, Unavailable};
use rgops_protocol::request::MemoryRange;

use crate::schedtrace::busy::{self, Polled};
use crate::schedtrace::limits;
use crate::schedtrace::memory::{Memory, unsigned, word};
use crate::schedtrace::path::{self, Missing, Number, Pointer, Spot};
use crate::types::{Shape, TypeId, TypeSource};

/// Tokio's thread-local context.
const CONTEXT: &str = "tokio::runtime::context::Context";
/// The private state of a worker.
const CORE: &str = "tokio::runtime::scheduler::multi_thread::worker::Core";
/// Maximum tasks shown of one runtime; the others are counted.
const MOST_TASKS: usize = 1000;
/// Maximum threads visited.
const MOST_THREADS: usize = 8192;
/// Maximum size of a context: a real one has a few words, more is damaged debug information.
const MOST_CONTEXT_BYTES: u64 = 4096;

/// The additions of `--detail` to a line.
#[derive(Debug, Clone)]
pub struct Detail {
    /// Each worker, by index.
    pub workers: Vec<WorkerDetail>,
    /// Tasks that are not idle, by id; at most 1,000.
    pub tasks: Vec<BusyTask>,
    /// Number of tasks beyond that.
    pub tasks_left_out: u64,
}

/// The details of a worker.
#[derive(Debug, Clone)]
pub struct WorkerDetail {
    /// Its thread.
    pub tid: Known<u32>,
    /// The task that it polls; 0 for none.
    pub task: Known<u64>,
    /// Tasks in its LIFO slot: 0 or 1.
    pub lifo: Known<u64>,
    /// Whether it searches for work.
    pub is_searching: Known<bool>,
}

/// A task that is not idle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusyTask {
    /// Its id.
    pub id: u64,
    /// `running`, `scheduled` or `complete`.
    pub state: &'static str,
    /// Index of the worker that polls it.
    pub worker: Option<u64>,
    /// The future it was spawned with.
    pub name: Option<String>,
}

/// The agent's list of tasks and threads.
#[derive(Debug, Default)]
pub struct Listing {
    /// Modules of the program.
    pub modules: Vec<Module>,
    handles: HashMap<u32, Vec<u64>>,
    vtables: Vec<TaskVtable>,
    tasks: Vec<TaskCell>,
    threads: Vec<TaskThread>,
    /// Why the task that a thread polls is unknown.
    no_current_tasks: Option<Unavailable>,
}

impl Listing {
    /// The parts of an answer to `tasks`.
    pub fn new(parts: Vec<TasksPart>) -> Listing {
        let mut listing = Listing::default();
        for part in parts {
            match part {
                TasksPart::Modules(more) => listing.modules.extend(more),
                TasksPart::Runtime(runtime) => {
                    listing.handles.insert(runtime.index, limits::handle(runtime.handle_words));
                }
                TasksPart::Vtables(more) => listing.vtables.extend(more),
                TasksPart::Tasks(more) => listing.tasks.extend(more),
                TasksPart::Threads(more) => listing.threads.extend(more),
                TasksPart::Summary(summary) => listing.no_current_tasks = summary.current_tasks,
            }
        }
        listing.threads.retain(|thread| !thread.stack.is_agent);
        listing.threads.truncate(MOST_THREADS);
        listing
    }
}

/// Offsets from the start of each type.
struct Layout {
    /// Offset in `CONTEXT`.
    current_task: u64,
    scheduler: Pointer,
    /// Offset in the scheduler's context.
    bytes: u64,
    discriminant: Option<Number>,
    multi_thread: Option<u64>,
    worker: Pointer,
    core: Number,
    current_thread: Option<u64>,
    current_handle: Number,
    /// Offset in an `ArcInner<Worker>`.
    worker_handle: Number,
    worker_index: Number,
    /// Offset in a `Core`.
    lifo: Number,
    is_searching: Number,
}

/// A thread that is a worker.
struct Found {
    handle: u64,
    index: u64,
    tid: u32,
    task: Known<u64>,
    /// Address of its core; 0 for none: it gave the core away in `block_in_place`, or its scheduler kind has
    /// none.
    core: u64,
    has_core: bool,
    lifo: Option<u64>,
    is_searching: Option<bool>,
}

/// The details of each runtime.
pub fn details(
    types: &dyn TypeSource,
    memory: &mut dyn Memory,
    runtimes: &[SchedtraceRuntime],
    workers: &[usize],
    listing: &Listing,
) -> Vec<Detail> {
    let found = workers_of(types, memory, runtimes, listing);
    let busy = busy::by_runtime(runtimes, &listing.handles, &listing.tasks, state);
    let mut names = HashMap::new();
    let mut name = |vtable: u32| names.entry(vtable).or_insert_with(|| name(types, listing, vtable)).clone();
    let of = |((runtime, count), busy): ((&SchedtraceRuntime, &usize), _)| {
        detail(runtime, *count, busy, found.as_deref().map_err(Clone::clone), &mut name)
    };
    runtimes.iter().zip(workers).zip(busy).map(of).collect()
}

fn detail(
    runtime: &SchedtraceRuntime,
    workers: usize,
    busy: Vec<(&TaskCell, &'static str)>,
    found: Result<&[Found], Unavailable>,
    name: &mut dyn FnMut(u32) -> Option<String>,
) -> Detail {
    let ours = found.map(|found| {
        let mut of_index: HashMap<u64, &Found> = HashMap::new();
        for thread in found.iter().filter(|thread| runtime.handle_words.contains(&thread.handle)) {
            let known = of_index.entry(thread.index).or_insert(thread);
            // In block_in_place another thread has taken over the core.
            if thread.has_core && !known.has_core {
                *known = thread;
            }
        }
        of_index
    });
    let worker = |index: u64| {
        let thread = match &ours {
            Ok(threads) => threads.get(&index).copied(),
            Err(why) => return WorkerDetail::unknown(why),
        };
        let Some(thread) = thread else { return WorkerDetail::unknown(&no_thread()) };
        WorkerDetail {
            tid: Known::Value(thread.tid),
            task: thread.task.clone(),
            lifo: thread.lifo.map_or_else(|| Known::Unavailable(no_core()), Known::Value),
            is_searching: thread.is_searching.map_or_else(|| Known::Unavailable(no_core()), Known::Value),
        }
    };
    let workers: Vec<WorkerDetail> = (0..workers as u64).map(worker).collect();
    let polled = Polled::new(workers.iter().map(|worker| worker.task.value().copied()));
    let tasks_left_out = busy.len().saturating_sub(MOST_TASKS) as u64;
    let tasks = busy.into_iter().take(MOST_TASKS).map(|(task, state)| BusyTask {
        id: task.id,
        state,
        worker: polled.worker(task.id),
        name: name(task.vtable),
    });
    Detail { tasks: tasks.collect(), workers, tasks_left_out }
}

/// The name of a task's state; `None` if it is idle. Bits of Tokio's state word (runtime/task/state.rs).
fn state(word: u64) -> Option<&'static str> {
    const RUNNING: u64 = 1;
    const COMPLETE: u64 = 2;
    const NOTIFIED: u64 = 4;
    match word {
        word if word & COMPLETE != 0 => Some("complete"),
        word if word & RUNNING != 0 => Some("running"),
        word if word & NOTIFIED != 0 => Some("scheduled"),
        _ => None,
    }
}

/// The readable name of a task's future.
fn name(types: &dyn TypeSource, listing: &Listing, vtable: u32) -> Option<String> {
    let poll_avma = listing.vtables.get(usize::try_from(vtable).ok()?)?.poll_avma;
    match types.task_types(poll_avma).first() {
        Some(found) => short_name(types, found.future),
        None => types.future_name(poll_avma).map(|name| name.to_string()),
    }
}

/// `shop::checkout` for an `async fn`, `shop::checkout::{async block}` for a block in it, and the name of any
/// other future; without the compiler's numbers for unnamed items.
fn short_name(types: &dyn TypeSource, future: TypeId) -> Option<String> {
    let found = types.get(future).ok()?;
    let mut words: Vec<&str> =
        found.namespace.split("::").filter(|word| !word.is_empty() && !word.starts_with('{')).collect();
    match &*found.name {
        name if name.starts_with("{async_fn_env") => {}
        name if name.starts_with("{async_block_env") => words.push("{async block}"),
        name => words.push(name),
    }
    Some(words.join("::"))
}

/// The task that a worker polls, by the id in its thread-local; 0 for none. A worker that polls nothing has
/// there the id of the task that runs it. That task is in no list, and older than all tasks that the worker
/// has polled.
fn polled(current: Option<u64>, listed: &HashSet<u64>, newest: Option<u64>) -> Known<u64> {
    match current {
        None => Known::Unavailable(no_thread()),
        Some(id) if listed.contains(&id) => Known::Value(id),
        Some(id) if newest.is_some_and(|newest| id > newest) => {
            Known::unavailable("it may poll a task that is newer than the list", "")
        }
        Some(_) => Known::Value(0),
    }
}

/// The threads that are workers of one of the runtimes.
fn workers_of(
    types: &dyn TypeSource,
    memory: &mut dyn Memory,
    runtimes: &[SchedtraceRuntime],
    listing: &Listing,
) -> Result<Vec<Found>, Unavailable> {
    if let Some(why) = &listing.no_current_tasks {
        return Err(why.clone());
    }
    let layout = Layout::find(types).map_err(|missing| Unavailable {
        reason: format!("Tokio's thread context is not described, or its layout is unknown: {missing}"),
        fix: String::new(),
    })?;
    let contexts: Vec<(&TaskThread, u64)> = listing
        .threads
        .iter()
        .filter_map(|thread| Some((thread, thread.current_task_avma?.wrapping_sub(layout.current_task))))
        .collect();
    let ranges = contexts.iter().map(|(_, context)| at(*context, layout.scheduler.offset, 8));
    let schedulers = memory.read(&ranges.collect::<Vec<_>>())?;
    // A thread without a scheduler's context is not a worker.
    let mut entered = Vec::new();
    for (index, (thread, _)) in contexts.iter().enumerate() {
        if let Some(scheduler @ 1..) = word(&schedulers, index) {
            entered.push((*thread, scheduler));
        }
    }
    let ranges = entered.iter().map(|(_, scheduler)| at(*scheduler, 0, layout.bytes));
    let contexts = memory.read(&ranges.collect::<Vec<_>>())?;
    let listed: HashSet<u64> = listing.tasks.iter().map(|task| task.id).collect();
    let newest = listed.iter().max().copied();
    let (mut found, mut workers) = (Vec::new(), Vec::new());
    for ((thread, _), context) in entered.iter().zip(&contexts) {
        let Some(context) = context.as_deref() else { continue };
        let mut new = Found {
            handle: 0,
            index: 0,
            tid: thread.stack.tid,
            task: polled(thread.stack.current_task, &listed, newest),
            core: 0,
            has_core: false,
            lifo: None,
            is_searching: None,
        };
        let kind = layout.discriminant.and_then(|place| unsigned(context, place));
        if layout.multi_thread.is_none() || kind == layout.multi_thread {
            let worker = unsigned(context, Number { offset: layout.worker.offset, bytes: 8 });
            workers.push((found.len(), worker.unwrap_or(0)));
            new.core = unsigned(context, layout.core).unwrap_or(0);
        } else if kind == layout.current_thread {
            new.handle = unsigned(context, layout.current_handle).unwrap_or(0);
            // It has neither.
            (new.lifo, new.is_searching) = (Some(0), Some(false));
        }
        found.push(new);
    }
    let ranges = workers.iter().flat_map(|(number, worker)| {
        let core = found[*number].core;
        [
            range(*worker, layout.worker_handle),
            range(*worker, layout.worker_index),
            range(core, layout.lifo),
            range(core, layout.is_searching),
        ]
    });
    let read = memory.read(&ranges.collect::<Vec<_>>())?;
    for (place, (number, _)) in workers.iter().enumerate() {
        let new = &mut found[*number];
        (new.handle, new.index) =
            (word(&read, place * 4).unwrap_or(0), word(&read, place * 4 + 1).unwrap_or(u64::MAX));
        new.has_core = new.core != 0;
        if new.has_core {
            new.lifo = word(&read, place * 4 + 2).map(|task| u64::from(task != 0));
            new.is_searching = word(&read, place * 4 + 3).map(|flag| flag == 1);
        }
    }
    let handles: HashSet<u64> =
        runtimes.iter().flat_map(|runtime| runtime.handle_words.iter().copied()).collect();
    found.retain(|thread| handles.contains(&thread.handle));
    Ok(found)
}

impl Layout {
    fn find(types: &dyn TypeSource) -> Result<Layout, Missing> {
        let named = |name: &str| {
            let missing =
                || Missing::Member { type_name: "the debug information".to_owned(), member: name.to_owned() };
            types.named(name).map(Spot::of).ok_or_else(missing)
        };
        let context = named(CONTEXT)?;
        let scheduler = path::pointer(types, path::follow(types, context, "scheduler.inner")?)?;
        let of_scheduler = Spot::of(scheduler.target);
        let kinds = types.get(scheduler.target)?;
        let (discriminant, variant_number) = match &kinds.shape {
            Shape::Enum { discriminant, variants } => {
                let number = |name: &str| {
                    let variant = variants.iter().find(|variant| &*variant.content.name == name)?;
                    u64::try_from(variant.discriminant?).ok()
                };
                let place = discriminant.map(|place| Number { offset: place.offset, bytes: place.size });
                (place, [number("MultiThread"), number("CurrentThread")])
            }
            _ => (None, [None, None]),
        };
        let raw = |spot: Result<Spot, Missing>| {
            let spot = spot?;
            Ok::<Number, Missing>(Number { offset: spot.offset, bytes: types.get(spot.type_id)?.size.min(8) })
        };
        let worker = path::pointer(types, path::follow(types, of_scheduler, "MultiThread.__0.worker")?)?;
        let of_worker = Spot::of(worker.target);
        let core = named(CORE)?;
        Ok(Layout {
            current_task: path::follow(types, context, "current_task_id")?.offset,
            scheduler,
            bytes: kinds.size.min(MOST_CONTEXT_BYTES),
            discriminant,
            multi_thread: variant_number[0],
            worker,
            core: raw(path::follow(types, of_scheduler, "MultiThread.__0.core.value"))?,
            current_thread: variant_number[1],
            current_handle: raw(path::follow(types, of_scheduler, "CurrentThread.__0.handle"))?,
            worker_handle: raw(path::follow(types, of_worker, "data.handle"))?,
            worker_index: raw(path::follow(types, of_worker, "data.index"))?,
            lifo: raw(path::follow(types, core, "lifo_slot"))?,
            is_searching: raw(path::follow(types, core, "is_searching"))?,
        })
    }
}

impl WorkerDetail {
    fn unknown(why: &Unavailable) -> WorkerDetail {
        WorkerDetail {
            tid: Known::Unavailable(why.clone()),
            task: Known::Unavailable(why.clone()),
            lifo: Known::Unavailable(why.clone()),
            is_searching: Known::Unavailable(why.clone()),
        }
    }
}

impl Detail {
    /// All details unavailable for the same reason.
    pub fn nothing(workers: usize, why: &Unavailable) -> Detail {
        Detail { workers: vec![WorkerDetail::unknown(why); workers], tasks: Vec::new(), tasks_left_out: 0 }
    }
}

fn at(avma: u64, offset: u64, bytes: u64) -> MemoryRange {
    range(avma, Number { offset, bytes })
}

fn range(avma: u64, number: Number) -> MemoryRange {
    MemoryRange { avma: avma.wrapping_add(number.offset), length: number.bytes as u32 }
}

fn no_thread() -> Unavailable {
    Unavailable { reason: "no thread was identified as this worker".to_owned(), fix: String::new() }
}

fn no_core() -> Unavailable {
    Unavailable { reason: "the worker had no core at that moment".to_owned(), fix: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_task_of_the_list_is_polled() {
        let listed = HashSet::from([5, 9, 7]);
        let polled = |current, listed: &HashSet<u64>| polled(current, listed, listed.iter().max().copied());
        assert_eq!(polled(Some(9), &listed), Known::Value(9));
        assert_eq!(polled(Some(0), &listed), Known::Value(0));
        assert_eq!(polled(Some(1), &listed), Known::Value(0), "what runs the worker");
        assert_eq!(polled(Some(1), &HashSet::new()), Known::Value(0));
        assert!(matches!(polled(Some(10), &listed), Known::Unavailable(_)), "spawned since");
        assert!(matches!(polled(None, &listed), Known::Unavailable(_)));
    }

    #[test]
    fn workers_threads_and_tasks_are_each_looked_at_once() {
        let began = std::time::Instant::now();
        let found: Vec<Found> = (0..MOST_THREADS as u64)
            .map(|number| Found {
                handle: 1,
                index: number / 2,
                tid: number as u32,
                task: Known::Value(number),
                core: 0,
                has_core: number % 2 == 1,
                lifo: Some(0),
                is_searching: Some(false),
            })
            .collect();
        let cell = |id: u64| TaskCell {
            runtime: 0,
            id,
            header_avma: id,
            vtable: 0,
            state: 1,
            bytes: rgops_protocol::reply::tasks::CellBytes::NotRead,
        };
        let cells: Vec<TaskCell> = (0..200_000).map(cell).collect();
        let runtime = crate::schedtrace::tests::made::runtime("main");
        for _ in 0..20 {
            let busy = cells.iter().map(|cell| (cell, "running")).collect();
            let detail = detail(&runtime, 4096, busy, Ok(&found), &mut |_| None);
            assert_eq!((detail.tasks.len(), detail.tasks_left_out), (MOST_TASKS, 199_000));
            assert_eq!(detail.workers[7].tid, Known::Value(15), "the one that has the core");
            assert_eq!((detail.tasks[15].worker, detail.tasks[14].worker), (Some(7), None));
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
