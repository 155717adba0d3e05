//! The native stacks of running tasks, and of futures that are not tasks because `block_on` polls them.

use std::collections::HashSet;
use std::fmt::Write as _;

use rgops_protocol::reply::stack::Capture;

use super::blocked::in_block_on;
use super::names::path;
use super::one::wait;
use super::report::TasksReport;
use super::tree::Tree;
use super::view::View;
use crate::report::screen::Screen;
use crate::report::stack::{Activity, Style, Thread, poll, write_frame};
use crate::symbols::{Frame, Origin, file_name};
use crate::tasks::decode::NOT_DESCRIBED;
use crate::tasks::model::{Node, Task};
use crate::text::{counted, escape, shown_name};

/// How to see what a future of `block_on` waits for.
const DESCRIBE: &str = "in the workspace's Cargo.toml: [profile.release.package.NAME] debug = 2, where NAME is the package that calls block_on";

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
        in_block_on(&self.threads, &self.polled)
    }

    pub(super) fn block_on_threads(&self, text: &mut Screen, view: &View) {
        // Said once, and not where the header says how to get more for all tasks.
        let mut says_fix = self.tasks.debug_information.iter().all(|module| module.fix.is_empty());
        for (thread, begin) in self.block_on() {
            if text.is_cut() {
                return;
            }
            let _ = write!(text, "\nblock_on on thread {}", thread.tid);
            let _ = write!(text, " {} [{}]", escape(&thread.name), escape(&thread.state));
            let future = self.tasks.block_on.get(&thread.tid);
            let is_known = matches!(future, Some(Ok(_)));
            text.push_str(if is_known { "\n" } else { ": its future is not a task\n" });
            if let Some(caller) = caller(&thread.frames[begin..]) {
                let _ = write!(text, "  called by {}", shown_name(&caller.name()));
                if let (Some(file), Some(line)) = (&caller.file, caller.line) {
                    let _ = write!(text, " at {}:{line}", path(file, view.verbose));
                }
                text.push('\n');
            }
            let waits = thread.activity == Activity::Idle;
            match future {
                Some(Ok(future)) => self.block_on_future(text, future, view),
                Some(Err(why)) if waits => {
                    let _ = writeln!(text, "  it waits to be woken; the reason is unknown: {}", escape(why));
                    if &**why == NOT_DESCRIBED && std::mem::take(&mut says_fix) {
                        let _ = writeln!(text, "  fix: {DESCRIBE}");
                    }
                }
                _ if waits => text.push_str("  it waits to be woken; the reason is unknown\n"),
                _ => {}
            }
            if waits && !view.verbose {
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

    /// The stack of a future of `block_on`, and the locks it holds.
    fn block_on_future(&self, text: &mut Screen, future: &Task, view: &View) {
        let leaf = |_: &[usize], node: &Node| {
            let resource = node.waits_on.as_ref()?;
            Some(self.resource(resource) + &self.held_by(resource))
        };
        Tree { verbose: view.verbose, leaf: &leaf }.write(text, &future.stack);
        for resource in &future.holds {
            let waiters = self.graph.find(resource).map(|waited| waited.waiters.as_slice());
            let waiters = match waiters.unwrap_or_default() {
                [] => String::new(),
                waiters => format!("; {} {} for it", self.ids(waiters, view.all), wait(waiters.len())),
            };
            let _ = writeln!(text, "  holds {}{waiters}", self.resource(resource));
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

/// The caller of `block_on`: the first function of the program or of a library that it uses.
fn caller(frames: &[Frame]) -> Option<&Frame> {
    frames.iter().find(|frame| frame.function.is_some() && Origin::of(frame).is_of_program())
}
