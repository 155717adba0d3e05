//! The native stacks of running tasks, and of futures that are not tasks because `block_on` polls them.

use std::collections::HashSet;
use std::fmt::Write as _;

use rgops_protocol::reply::stack::Capture;

use super::names::path;
use super::report::TasksReport;
use super::view::View;
use crate::report::screen::Screen;
use crate::report::stack::{Activity, Style, Thread, poll, write_frame};
use crate::symbols::{Frame, Origin, file_name};
use crate::text::{counted, escape, shown_name};

/// The frames inside a task's poll, innermost first, and the number of Tokio's outer frames that are omitted.
pub(super) fn own_frames(frames: &[Frame], verbose: bool) -> (&[Frame], usize) {
    match poll(frames) {
        Some(poll) if !verbose => (&frames[..poll.frames], frames.len() - poll.frames),
        _ => (frames, 0),
    }
}

/// A native stack in the format of `rgops stack`, without Tokio's outer frames.
pub(super) fn write_native(text: &mut Screen, thread: &Thread, verbose: bool) {
    if let Capture::Failed { reason } = &thread.capture {
        let _ = writeln!(text, "  its thread's stack was not captured: {}", escape(reason));
        return;
    }
    let (frames, below) = own_frames(&thread.frames, verbose);
    write_frames(text, frames, below, "Tokio's worker", verbose);
}

fn write_frames(text: &mut Screen, frames: &[Frame], below: usize, owner: &str, verbose: bool) {
    for frame in frames {
        write_frame(text, frame, "  ", Style { whole_paths: verbose, color: None });
    }
    if below > 0 {
        let _ = writeln!(text, "  … {} of {owner} below", counted(below as u64, "frame"));
    }
}

impl TasksReport {
    /// Threads in `block_on` that do not poll a task. The root future is not in a task list, only on the thread's
    /// stack.
    pub(super) fn block_on(&self) -> impl Iterator<Item = (&Thread, usize)> {
        self.threads
            .iter()
            .filter(|thread| self.polled.get(&thread.tid).is_none_or(|task| *task == 0))
            .filter_map(|thread| {
                let begin = thread.frames.iter().position(is_block_on)?;
                let is_worker = poll(&thread.frames[..begin]).is_some();
                (!is_worker).then_some((thread, begin))
            })
    }

    pub(super) fn block_on_threads(&self, text: &mut Screen, view: &View) {
        for (thread, begin) in self.block_on() {
            if text.is_cut() {
                return;
            }
            let _ = write!(text, "\nblock_on on thread {}", thread.tid);
            let _ = write!(text, " {} [{}]", escape(&thread.name), escape(&thread.state));
            text.push_str(": its future is not a task\n");
            if let Some(caller) = caller(&thread.frames[begin..]) {
                let _ = write!(text, "  called by {}", shown_name(&caller.name()));
                if let (Some(file), Some(line)) = (&caller.file, caller.line) {
                    let _ = write!(text, " at {}:{line}", path(file, view.verbose));
                }
                text.push('\n');
            }
            let waits = thread.activity == Activity::Idle;
            if waits && !view.verbose {
                text.push_str("  it waits to be woken; the reason is unknown: only the futures of tasks can be found in memory\n");
                continue;
            }
            let shown = if view.verbose { thread.frames.len() } else { begin };
            write_frames(
                text,
                &thread.frames[..shown],
                thread.frames.len() - shown,
                "block_on",
                view.verbose,
            );
        }
    }

    /// Why frames of running tasks have no names, and the fix.
    pub(super) fn missing_names(&self, text: &mut Screen) {
        let nameless: HashSet<&str> = self
            .owners
            .shown()
            .flat_map(|thread| &self.threads[thread].frames)
            .filter(|frame| frame.function.is_none())
            .filter_map(|frame| frame.module.as_deref())
            .collect();
        for module in &self.modules {
            let is_wanted = nameless.contains(module.module.as_str()) && !module.module.contains(".so");
            if is_wanted && !module.fix.is_empty() {
                let _ = writeln!(text, "\n{}: {}", escape(file_name(&module.module)), escape(&module.reason));
                let _ = writeln!(text, "  fix: {}", escape(&module.fix));
            }
        }
    }
}

fn is_block_on(frame: &Frame) -> bool {
    frame.function.as_deref().is_some_and(|name| name.contains("tokio::") && name.contains("block_on"))
}

/// The caller of `block_on`: the first function of the program or of a library that it uses.
fn caller(frames: &[Frame]) -> Option<&Frame> {
    frames.iter().find(|frame| frame.function.is_some() && Origin::of(frame).is_of_program())
}
