//! Finds the threads that are workers of a runtime, and the task that each polls.
//!
//! The agent's list shows the task that a thread polls and the address of its `CONTEXT`, Tokio's own
//! thread-local. A worker is itself run by a task of the blocking pool, whose id is in the thread-local between
//! two polls: so only ids in the list count. The context points at the scheduler's context on the worker's
//! stack, with the worker's index and its core. A thread counts as a worker only when its context points at the
//! scheduler of the same runtime.

use std::collections::HashSet;

use rgops_protocol::reply::schedtrace::SchedtraceRuntime;
use rgops_protocol::reply::tasks::TaskThread;
use rgops_protocol::reply::{Known, Unavailable};
use rgops_protocol::request::MemoryRange;

use crate::schedtrace::listing::Listing;
use crate::schedtrace::memory::{Memory, unsigned, word};
use crate::schedtrace::path::{self, Missing, Number, Pointer, Spot};
use crate::types::{Shape, TypeSource};

/// Tokio's thread-local context.
const CONTEXT: &str = "tokio::runtime::context::Context";
/// The private state of a worker.
const CORE: &str = "tokio::runtime::scheduler::multi_thread::worker::Core";
/// Maximum size of a context: a real one has a few words, more is damaged debug information.
const MAX_CONTEXT_BYTES: u64 = 4096;

/// A thread that is a worker.
pub(super) struct Found {
    pub(super) handle: u64,
    pub(super) index: u64,
    pub(super) tid: u32,
    pub(super) task: Known<u64>,
    /// Address of its core; 0 if it gave the core away in `block_in_place`, or its kind of scheduler does not
    /// use cores.
    pub(super) core: u64,
    pub(super) has_core: bool,
    pub(super) lifo: Option<u64>,
    pub(super) is_searching: Option<bool>,
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

/// The task that a worker polls, from the id in its thread-local; 0 for none. Between two polls the thread-local
/// has the id of the task that runs the worker. That task is not listed, and is older than all tasks that the
/// worker has polled.
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
pub(super) fn workers_of(
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
            // A current-thread scheduler has no LIFO slot and no searching workers.
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
            bytes: kinds.size.min(MAX_CONTEXT_BYTES),
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

fn at(avma: u64, offset: u64, bytes: u64) -> MemoryRange {
    range(avma, Number { offset, bytes })
}

fn range(avma: u64, number: Number) -> MemoryRange {
    MemoryRange { avma: avma.wrapping_add(number.offset), length: number.bytes as u32 }
}

pub(super) fn no_thread() -> Unavailable {
    Unavailable { reason: "no thread was identified as this worker".to_owned(), fix: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_tasks_count_as_polled() {
        let listed = HashSet::from([5, 9, 7]);
        let polled = |current, listed: &HashSet<u64>| polled(current, listed, listed.iter().max().copied());
        assert_eq!(polled(Some(9), &listed), Known::Value(9));
        assert_eq!(polled(Some(0), &listed), Known::Value(0));
        assert_eq!(polled(Some(1), &listed), Known::Value(0), "the task that runs the worker");
        assert_eq!(polled(Some(1), &HashSet::new()), Known::Value(0));
        assert!(matches!(polled(Some(10), &listed), Known::Unavailable(_)), "spawned since");
        assert!(matches!(polled(None, &listed), Known::Unavailable(_)));
    }
}
