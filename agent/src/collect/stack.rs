//! `stack`: every thread and its stack, captured by the engine.

#![cfg(native_engine)]

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rgops_capture::current_task::CurrentTasks;
use rgops_capture::{dump, signal_number};
use rgops_protocol::codec::Encode;
use rgops_protocol::reply::stack::{Capture, StackPart, StackSummary, ThreadStack};
use rgops_protocol::reply::{End, Module, Note, NoteKind, StackEnd};
use rgops_protocol::request::StackRequest;

use super::frame_pointers::FramePointers;
use super::{Context, Finish, Sink, Stop};

/// Maximum frames and modules in one packet: both are far below the limit of a packet.
const FRAMES_PER_PACKET: usize = 16 * 1024;
const MODULES_PER_PACKET: usize = 128;

pub(crate) async fn collect(
    arguments: StackRequest,
    context: &Arc<Context>,
    sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    let unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    let (mut current, unknown) = match CurrentTasks::new().await {
        Ok(current) => (Some(current), None),
        Err(unknown) => (None, Some(unknown)),
    };
    let began = Instant::now();
    let dump = dump::dump(current.as_mut()).await;
    let mut dump = dump.map_err(|error| error.into_answer("cannot capture the stacks"))?;
    let notes = tidy(&mut dump, arguments.max_depth, context);
    let captured =
        dump.threads.iter().filter(|thread| !matches!(thread.capture, Capture::Failed { .. })).count();
    let summary = StackSummary {
        unix_ns,
        capture_ns: dump.capture.as_nanos() as u64,
        threads: dump.threads.len() as u32,
        captured: captured as u32,
        vanished: dump.vanished,
        current_tasks: unknown,
        waiting: sink.tail(context.wait_marks.mark(&dump.threads, began, Instant::now())),
    };
    send_modules(&dump.modules, StackPart::Modules, sink).await?;
    send_threads(dump.threads, sink).await?;
    sink.data(&StackPart::Summary(summary)).await?;
    Ok(End { notes })
}

/// Truncates the stacks to the requested depth; returns the notes.
pub(super) fn tidy(dump: &mut dump::Dump, max_depth: u32, context: &Context) -> Vec<Note> {
    context.counters.dropped.add(dump.dropped);
    for thread in &mut dump.threads {
        let depth = max_depth.max(1) as usize;
        if thread.stack.frames.len() > depth {
            thread.stack.frames.truncate(depth);
            thread.stack.end = StackEnd::DepthLimit;
        }
    }
    let mut notes = notes(dump);
    let mut by_frame_pointer = FramePointers::default();
    by_frame_pointer.set_modules(&dump.modules);
    dump.threads.iter().for_each(|thread| by_frame_pointer.count_stack(&thread.stack.frames));
    notes.extend(by_frame_pointer.note("stacks"));
    notes
}

/// Sends the modules in packets; `part` makes each one.
pub(super) async fn send_modules<T: Encode>(
    modules: &[Module],
    part: impl Fn(Vec<Module>) -> T,
    sink: &Sink,
) -> Result<(), Stop> {
    for piece in modules.chunks(MODULES_PER_PACKET) {
        sink.data(&part(piece.to_vec())).await?;
    }
    Ok(())
}

async fn send_threads(threads: Vec<ThreadStack>, sink: &Sink) -> Result<(), Stop> {
    let (mut piece, mut frames) = (Vec::new(), 0);
    for thread in threads {
        // The texts of a thread take about as many bytes as 64 frames.
        frames += thread.stack.frames.len() + 64;
        piece.push(thread);
        if frames >= FRAMES_PER_PACKET {
            sink.data(&StackPart::Threads(std::mem::take(&mut piece))).await?;
            frames = 0;
        }
    }
    if !piece.is_empty() {
        sink.data(&StackPart::Threads(piece)).await?;
    }
    Ok(())
}

/// A stack of the program that was not captured. The agent's threads take no signals, so one that runs at the moment
/// is not captured: nothing of the program is missing then. A main thread that has ended has no stack.
fn is_missing(thread: &ThreadStack) -> bool {
    matches!(thread.capture, Capture::Failed { .. }) && !thread.is_agent && thread.state != 'Z'
}

fn notes(dump: &dump::Dump) -> Vec<Note> {
    let count =
        |is: &dyn Fn(&ThreadStack) -> bool| dump.threads.iter().filter(|thread| is(thread)).count() as u64;
    let signal = signal_number::chosen();
    let stays = format!("the program installed its own {signal} handler meanwhile; that handler stays");
    let ends = |end: StackEnd| count(&|thread| thread.stack.end == end);
    let (unknown, unknown_why) = super::unknown_stacks(dump.unknown_stacks);
    [
        (
            NoteKind::Missing,
            "stacks",
            count(&is_missing),
            "these threads could not be captured; each states the reason",
        ),
        (NoteKind::Truncated, "stacks", ends(StackEnd::DepthLimit), "they are deeper than the limit"),
        (
            NoteKind::Truncated,
            "stacks",
            ends(StackEnd::Lost).saturating_sub(unknown),
            super::callers_hidden(),
        ),
        (NoteKind::Truncated, "stacks", unknown, unknown_why),
        (NoteKind::Dropped, "threads", u64::from(dump.unlisted), "more threads than can be listed"),
        (NoteKind::Approximate, "signal handlers", u64::from(dump.handler_stays), &*stays),
    ]
    .into_iter()
    .filter(|(_, _, count, _)| *count > 0)
    .map(|(kind, what, count, why)| Note { kind, what: what.to_owned(), count, why: why.to_owned() })
    .collect()
}

#[cfg(test)]
mod tests {
    use rgops_protocol::reply::{Known, Stack};

    use super::*;

    #[test]
    fn only_stacks_of_the_program_are_missing() {
        let failed = |is_agent, state| ThreadStack {
            tid: 7,
            name: "worker".to_owned(),
            state,
            cpu_ns: Known::Value(1),
            wchan: String::new(),
            system_call: Known::unavailable("the thread runs", ""),
            is_agent,
            current_task: None,
            capture: Capture::Failed { reason: "the thread blocks SIGPROF".to_owned() },
            stack: Stack { frames: Vec::new(), end: StackEnd::NotCaptured },
        };
        assert!(is_missing(&failed(false, 'S')));
        assert!(!is_missing(&failed(true, 'S')));
        assert!(!is_missing(&failed(false, 'Z')));
        let captured = ThreadStack { capture: Capture::Quiet, ..failed(false, 'S') };
        assert!(!is_missing(&captured));
    }
}
