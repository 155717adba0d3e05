//! `tasks`: every task of the watched runtimes, and right after them every thread.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rgops_protocol::reply::tasks::{
    CellBytes, RuntimeKind, TaskCell, TaskList, TaskRuntime, TaskThread, TaskVtable, TasksPart, TasksSummary,
};
use rgops_protocol::reply::{End, Known, Note, NoteKind, Unavailable};
use rgops_protocol::request::TasksRequest;
use tokio::runtime::RuntimeFlavor;

use super::{Asker, Context, Finish, Sink, Stop};
use crate::engine::{dump, handle};
use crate::tasks::list::list;
use crate::tasks::walk::{MOST_TASKS, Pile, Vtables};

/// Tasks in one packet, vtables too: far below its limit.
const TASKS_PER_PACKET: usize = 4096;

pub(crate) async fn collect(
    arguments: TasksRequest,
    _asker: Asker,
    context: &Arc<Context>,
    sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    let unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    let began = Instant::now();
    let mut vtables = Vtables::default();
    let mut listed = Vec::new();
    let (mut anchors, mut room) = (0, MOST_TASKS);
    for runtime in context.runtimes.list() {
        let alive_tasks = runtime.alive_tasks();
        let list = list(&runtime, &mut vtables, room).await;
        if let Ok(list) = &list {
            anchors += list.anchors;
            room = room.saturating_sub(list.tasks.len());
        }
        listed.push((runtime, alive_tasks, list));
    }
    let list_ns = nanoseconds(began.elapsed());

    let (threads, capture_ns, mut notes) = match arguments.max_depth {
        0 => (Vec::new(), Known::unavailable("no threads were asked for", ""), Vec::new()),
        depth => threads(depth, context, sink).await?,
    };
    send_vtables(&vtables, sink).await?;
    for (index, (runtime, alive_tasks, list)) in listed.into_iter().enumerate() {
        let index = index as u32;
        let known = match &list {
            Ok(list) => Known::Value(TaskList {
                shards: list.shards as u32,
                incomplete_shards: list.incomplete as u32,
                listed: list.tasks.len() as u32,
            }),
            Err(unavailable) => Known::Unavailable(unavailable.clone()),
        };
        let part = TaskRuntime {
            index,
            name: runtime.name.clone(),
            kind: match runtime.handle.runtime_flavor() {
                RuntimeFlavor::CurrentThread => RuntimeKind::CurrentThread,
                _ => RuntimeKind::MultiThread,
            },
            workers: runtime.handle.metrics().num_workers() as u32,
            handle_words: handle::words(&runtime.handle),
            alive_tasks: Known::Value(alive_tasks),
            list: known,
        };
        sink.data(&TasksPart::Runtime(part)).await?;
        if let Ok(list) = list {
            notes.extend(incomplete(&runtime.name, list.incomplete));
            send_tasks(index, &list.tasks, sink).await?;
        }
    }
    sink.data(&TasksPart::Threads(threads)).await?;
    let summary = TasksSummary {
        unix_ns,
        list_ns,
        capture_ns,
        current_tasks: Some(Unavailable {
            reason: "not read by this version".to_owned(),
            fix: String::new(),
        }),
        anchors: anchors as u32,
        memory: Some(Unavailable { reason: "not read by this version".to_owned(), fix: String::new() }),
    };
    sink.data(&TasksPart::Summary(summary)).await?;
    Ok(End { notes })
}

fn incomplete(runtime: &str, lists: usize) -> Option<Note> {
    (lists > 0).then(|| Note {
        kind: NoteKind::Dropped,
        what: format!("task lists of {runtime}"),
        count: lists as u64,
        why: "they changed faster than they could be walked, or were too long: tasks of them may be missing"
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

async fn send_tasks(runtime: u32, tasks: &Pile, sink: &Sink) -> Result<(), Stop> {
    let mut piece = Vec::new();
    for found in tasks.iter() {
        piece.push(TaskCell {
            runtime,
            id: found.id,
            header_avma: found.header,
            vtable: found.vtable,
            state: found.state,
            bytes: CellBytes::NotRead,
        });
        if piece.len() == TASKS_PER_PACKET {
            sink.data(&TasksPart::Tasks(std::mem::take(&mut piece))).await?;
        }
    }
    if !piece.is_empty() {
        sink.data(&TasksPart::Tasks(piece)).await?;
    }
    Ok(())
}

/// Every thread, as `stack` captures it; without them when that cannot be.
async fn threads(
    max_depth: u32,
    context: &Context,
    sink: &Sink,
) -> Result<(Vec<TaskThread>, Known<u64>, Vec<Note>), Stop> {
    let mut dump = match dump::dump().await {
        Ok(dump) => dump,
        Err(error) => return Ok((Vec::new(), Known::unavailable(error.to_string(), ""), Vec::new())),
    };
    let notes = super::stack::tidy(&mut dump, max_depth, context);
    super::stack::send_modules(&dump.modules, TasksPart::Modules, sink).await?;
    let threads = dump.threads.into_iter().map(|stack| TaskThread { stack, current_task_avma: None });
    Ok((threads.collect(), Known::Value(nanoseconds(dump.capture)), notes))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
