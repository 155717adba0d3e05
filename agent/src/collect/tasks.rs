//! `tasks`: every task of the watched runtimes, and the stack of every thread, captured right after.

#![cfg(native_engine)]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rgops_capture::current_task::CurrentTasks;
use rgops_capture::memory::Reader;
use rgops_capture::{clock, dump, handle};
use rgops_protocol::reply::tasks::{
    CellBytes, RuntimeKind, TaskCell, TaskList, TaskRuntime, TaskThread, TaskVtable, TasksPart, TasksSummary,
};
use rgops_protocol::reply::{End, Known, Note, NoteKind, Unavailable};
use rgops_protocol::request::TasksRequest;
use tokio::runtime::RuntimeFlavor;

use super::{Context, Finish, Sink, Stop};
use crate::tasks::cells::{BYTES_AT_ONCE, Cells, Wanted};
use crate::tasks::found::{Found, FoundTasks, MAX_TASKS};
use crate::tasks::list::{Gap, Listed, Owner, list};
use crate::tasks::vtables::Vtables;

/// Maximum tasks, and vtables, in one packet: far below the limit of a packet.
const TASKS_PER_PACKET: usize = 1000;

/// Maximum frames in one packet.
const FRAMES_PER_PACKET: usize = 16 * 1024;

/// Maximum bytes of cells in one answer; tasks above the limit are counted as left out.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

pub(crate) async fn collect(
    arguments: TasksRequest,
    memory: Result<(), Unavailable>,
    context: &Arc<Context>,
    sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    let unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    let monotonic_ns = clock::monotonic_ns();
    let began = Instant::now();
    let refused = memory.err();
    let mut bytes = Bytes {
        of_each: if refused.is_some() { 0 } else { arguments.max_cell_bytes.into() },
        left: MAX_BYTES,
        left_out: 0,
    };
    let mut vtables = Vtables::default();
    let mut listed = Vec::new();
    let (mut anchors, mut remaining) = (0, MAX_TASKS);
    let mut owners = Owner::all(&context.runtimes);
    let (private, not_found) = Owner::private(&context.runtimes).await;
    owners.extend(private);
    for owner in owners {
        let alive_tasks = alive_tasks(&owner);
        let list = list(&owner, &mut vtables, remaining).await;
        if let Ok(list) = &list {
            anchors += list.anchors;
            remaining = remaining.saturating_sub(list.tasks.len());
        }
        listed.push((owner, alive_tasks, list));
    }
    let list_ns = nanoseconds(began.elapsed());

    let threads = Threads::capture(arguments.max_depth, context, sink).await?;
    let mut notes = threads.notes;
    notes.extend(not_found.map(not_searched));
    send_vtables(&vtables, sink).await?;
    for (index, (owner, alive_tasks, list)) in listed.into_iter().enumerate() {
        let index = index as u32;
        let part = describe(index, &owner, alive_tasks, &list, sink);
        let name = part.name.clone();
        sink.data(&TasksPart::Runtime(part)).await?;
        if let Ok(list) = list {
            notes.extend(incomplete(&name, list.incomplete));
            send_tasks(index, &list.tasks, &vtables, &mut bytes, sink).await?;
        }
    }
    notes.extend(bytes.note());
    send_threads(threads.list, sink).await?;
    let summary = TasksSummary {
        unix_ns,
        list_ns,
        capture_ns: threads.capture_ns,
        current_tasks: threads.unknown,
        anchors: anchors as u32,
        memory: refused,
        monotonic_ns: sink.tail(monotonic_ns),
    };
    sink.data(&TasksPart::Summary(summary)).await?;
    Ok(End { notes })
}

fn alive_tasks(owner: &Owner) -> Known<u64> {
    match owner {
        Owner::Runtime(runtime) => Known::Value(runtime.alive_tasks()),
        Owner::LocalSet(_) | Owner::Private(_) => {
            Known::unavailable("Tokio does not count the tasks of a LocalSet", "")
        }
    }
}

fn describe(
    index: u32,
    owner: &Owner,
    alive_tasks: Known<u64>,
    list: &Result<Listed, Unavailable>,
    sink: &Sink,
) -> TaskRuntime {
    let (name, kind, workers, handle_words) = match owner {
        Owner::Runtime(runtime) => {
            let kind = match runtime.handle.runtime_flavor() {
                RuntimeFlavor::CurrentThread => RuntimeKind::CurrentThread,
                _ => RuntimeKind::MultiThread,
            };
            let workers = runtime.handle.metrics().num_workers() as u32;
            (&runtime.name, kind, workers, handle::words(&runtime.handle))
        }
        Owner::LocalSet(set) => (&set.name, RuntimeKind::LocalSet, 1, Vec::new()),
        Owner::Private(set) => (&set.name, RuntimeKind::LocalSet, 1, Vec::new()),
    };
    let list = match list {
        Ok(list) => Known::Value(TaskList {
            shards: list.shards as u32,
            incomplete_shards: list.incomplete as u32,
            listed: list.tasks.len() as u32,
        }),
        Err(unavailable) => Known::Unavailable(unavailable.clone()),
    };
    let found_on = match owner {
        Owner::Private(set) => set.tid,
        Owner::Runtime(_) | Owner::LocalSet(_) => 0,
    };
    TaskRuntime {
        index,
        name: name.clone(),
        kind,
        workers,
        handle_words,
        alive_tasks,
        list,
        found_on: sink.tail(found_on),
    }
}

fn not_searched(gap: Gap) -> Note {
    let (kind, why) = match gap {
        Gap::NoSearch(why) => (NoteKind::Missing, why),
        Gap::Limit(why) => (NoteKind::Approximate, why.to_owned()),
    };
    Note { kind, what: "search of stacks for LocalSets".to_owned(), count: 1, why }
}

fn incomplete(runtime: &str, lists: usize) -> Option<Note> {
    (lists > 0).then(|| Note {
        kind: NoteKind::Dropped,
        what: format!("task lists of {runtime}"),
        count: lists as u64,
        why: "they changed faster than they could be walked, or were too long: some of their tasks may be missing"
            .to_owned(),
    })
}

async fn send_vtables(vtables: &Vtables, sink: &Sink) -> Result<(), Stop> {
    for piece in vtables.list.chunks(TASKS_PER_PACKET) {
        let piece = piece.iter().map(|vtable| TaskVtable {
            avma: vtable.avma,
            poll_avma: vtable.poll,
            id_offset: vtable.id as u32,
            trailer_offset: vtable.trailer as u32,
        });
        sink.data(&TasksPart::Vtables(piece.collect())).await?;
    }
    Ok(())
}

/// The budget of cell bytes.
struct Bytes {
    /// Maximum bytes of each task; 0 for none.
    of_each: u64,
    left: u64,
    /// Tasks whose bytes were left out because the budget was used up.
    left_out: u64,
}

impl Bytes {
    fn note(&self) -> Option<Note> {
        (self.left_out > 0).then(|| Note {
            kind: NoteKind::Truncated,
            what: "tasks".to_owned(),
            count: self.left_out,
            why: format!("their bytes were omitted: the limit of {} MiB was reached", MAX_BYTES >> 20),
        })
    }
}

async fn send_tasks(
    runtime: u32,
    tasks: &FoundTasks,
    vtables: &Vtables,
    bytes: &mut Bytes,
    sink: &Sink,
) -> Result<(), Stop> {
    let cell = |found: &Found, state, bytes| TaskCell {
        runtime,
        id: found.id,
        header_avma: found.header,
        vtable: found.vtable,
        state,
        bytes,
    };
    // Opening succeeded when the tasks were listed.
    let mut cells = Reader::open().ok().filter(|_| bytes.of_each > 0).map(Cells::new);
    let mut tasks = tasks.iter().peekable();
    let (mut wanted, mut piece) = (Vec::new(), Vec::new());
    while tasks.peek().is_some() {
        let mut length = 0;
        while let Some(found) = tasks.next_if(|_| length < BYTES_AT_ONCE && wanted.len() < TASKS_PER_PACKET) {
            let vtable = vtables.list.get(found.vtable as usize);
            let task = vtable.map(|vtable| Wanted { found: *found, vtable: *vtable });
            let needs = task.map_or(0, |task| task.length(bytes.of_each));
            match (task, &cells) {
                (Some(task), Some(_)) if needs <= bytes.left => {
                    bytes.left -= needs;
                    length += needs;
                    wanted.push(task);
                }
                (_, Some(_)) => {
                    bytes.left_out += 1;
                    piece.push(cell(found, found.state, CellBytes::NotRead));
                }
                (_, None) => piece.push(cell(found, found.state, CellBytes::NotRead)),
            }
            if piece.len() >= TASKS_PER_PACKET {
                break;
            }
        }
        if let Some(cells) = &mut cells {
            let read = cells.read(&wanted, bytes.of_each);
            piece.extend(
                wanted.drain(..).zip(read).map(|(task, (state, bytes))| cell(&task.found, state, bytes)),
            );
        }
        sink.data(&TasksPart::Tasks(std::mem::take(&mut piece))).await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Sends the threads in packets that stay below the limit.
async fn send_threads(threads: Vec<TaskThread>, sink: &Sink) -> Result<(), Stop> {
    let mut threads = threads.into_iter().peekable();
    while threads.peek().is_some() {
        let (mut piece, mut frames) = (Vec::new(), 0);
        while let Some(thread) = threads.next_if(|_| frames < FRAMES_PER_PACKET) {
            // The texts of a thread take about as many bytes as 64 frames.
            frames += thread.stack.stack.frames.len() + 64;
            piece.push(thread);
        }
        sink.data(&TasksPart::Threads(piece)).await?;
    }
    Ok(())
}

/// All threads, captured as for `stack`.
struct Threads {
    list: Vec<TaskThread>,
    capture_ns: Known<u64>,
    unknown: Option<Unavailable>,
    notes: Vec<Note>,
}

impl Threads {
    /// Captures all threads. If that fails, the list is empty and `capture_ns` has the reason.
    async fn capture(max_depth: u32, context: &Context, sink: &Sink) -> Result<Threads, Stop> {
        let none = |why: String, unknown| Threads {
            list: Vec::new(),
            capture_ns: Known::unavailable(why, ""),
            unknown,
            notes: Vec::new(),
        };
        if max_depth == 0 {
            return Ok(none("no threads were requested".to_owned(), None));
        }
        let (mut current, unknown) = match CurrentTasks::new().await {
            Ok(current) => (Some(current), None),
            Err(unknown) => (None, Some(unknown)),
        };
        let mut dump = match dump::dump(current.as_mut()).await {
            Ok(dump) => dump,
            Err(error) => return Ok(none(error.to_string(), unknown)),
        };
        let notes = super::stack::tidy(&mut dump, max_depth, context);
        super::stack::send_modules(&dump.modules, TasksPart::Modules, sink).await?;
        let mut avma = |tid| Some(current.as_mut()?.of(tid)?.avma);
        let threads = dump.threads.into_iter();
        let list = threads.map(|stack| TaskThread { current_task_avma: avma(stack.tid), stack }).collect();
        Ok(Threads { list, capture_ns: Known::Value(nanoseconds(dump.capture)), unknown, notes })
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
