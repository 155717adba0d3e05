//! The text of `goroutine?debug=2`: each task, then each thread, in the shape of a Go traceback.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::path::{AsyncFrame, path};
use crate::locks::{Holder, LockWait};
use crate::report::stack::{Activity, Role, Thread};
use crate::report::tasks::TasksReport;
use crate::symbols::{Frame, shown_path};
use crate::tasks::model::{AsyncStack, State};
use crate::text::{counted, duration, escape, shown_name};

/// Longest text, in bytes.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// The text while it is written. `let _ = write!`: writing to a string does not fail.
#[derive(Debug, Default)]
pub(crate) struct Goroutines {
    text: String,
    left_out: u64,
}

impl Goroutines {
    /// A remark, which is not part of a stack.
    pub(crate) fn remark(&mut self, remark: &str) {
        let _ = writeln!(self.text, "# {}\n", escape(remark));
    }

    /// Each task: `task 17 [idle, waits for Mutex 0x7f…, held by task 12]:`.
    pub(crate) fn tasks(&mut self, report: &TasksReport) {
        for (index, task) in report.tasks.tasks.iter().enumerate() {
            if self.is_full() {
                continue;
            }
            let _ = writeln!(self.text, "task {} [{}]:", task.id, report.state_line(index));
            let name = report.task_name(task, false);
            match report.running_on(index) {
                Some(thread) if task.state == State::Running => {
                    self.native(&thread.frames);
                    let _ = writeln!(self.text, "polled by thread {}", thread.tid);
                }
                _ => self.futures(&path(task, name.as_deref())),
            }
            match &task.stack {
                AsyncStack::Cut(_, why) | AsyncStack::Unknown(why) => {
                    let _ = writeln!(self.text, "...the rest is unavailable: {}", escape(why));
                }
                AsyncStack::Moved => self.text.push_str("...it changed while it was read\n"),
                _ => {}
            }
            self.text.push('\n');
        }
        let mut futures: Vec<_> = report.tasks.block_on.iter().collect();
        futures.sort_by_key(|(tid, _)| **tid);
        for (tid, task) in futures {
            let Ok(task) = task else { continue };
            if self.is_full() {
                continue;
            }
            let _ = writeln!(self.text, "block_on [idle, on thread {tid}]:");
            let name = task.future.as_ref().map(|name| shown_name(&name.short));
            self.futures(&path(task, name.as_deref()));
            self.text.push('\n');
        }
    }

    /// Each thread, without those of the agent: `thread 41 worker-3 [futex wait, waits for Mutex 0x7f…, …]:`.
    /// `waits` has the locks that they wait for, and `waiting_ns` for how long at least, by thread.
    pub(crate) fn threads(&mut self, threads: &[Thread], waits: &[LockWait], waiting_ns: &HashMap<u32, u64>) {
        let mut locks: HashMap<u32, String> = HashMap::new();
        for wait in waits {
            let mut text = format!(", waits for {}", wait.lock());
            if let Some(holder) = wait.holder.as_ref().and_then(Holder::thread) {
                let probably = if matches!(wait.holder, Some(Holder::Owner(_))) { "" } else { "probably " };
                let _ = write!(text, ", {probably}held by thread {holder}");
            }
            locks.extend(wait.threads.iter().map(|tid| (*tid, text.clone())));
        }
        for thread in threads.iter().filter(|thread| thread.role != Role::Agent) {
            let lock = locks.get(&thread.tid).map_or("", String::as_str);
            self.thread(thread, lock, waiting_ns.get(&thread.tid).copied());
        }
    }

    fn thread(&mut self, thread: &Thread, lock: &str, waiting_ns: Option<u64>) {
        if self.is_full() {
            return;
        }
        let idle = if thread.activity == Activity::Idle { "idle, " } else { "" };
        let state = escape(&thread.state);
        let _ = write!(self.text, "thread {} {} [{idle}{state}{lock}", thread.tid, escape(&thread.name));
        if let Some(waiting_ns) = waiting_ns.filter(|_| thread.activity != Activity::Running) {
            let _ = write!(self.text, ", for at least {}", duration(waiting_ns));
        }
        self.text.push_str("]:\n");
        if thread.frames.is_empty() {
            self.text.push_str("...its stack is unavailable\n");
        }
        self.native(&thread.frames);
        if let Some(task) = thread.polls.as_ref().and_then(|polled| polled.task) {
            let _ = writeln!(self.text, "polls task {task}");
        }
        self.text.push('\n');
    }

    fn native(&mut self, frames: &[Frame]) {
        for frame in frames {
            let _ = writeln!(self.text, "{}(...)", shown_name(&frame.name()));
            if let Some(file) = &frame.file {
                let line = frame.line.map(|line| format!(":{line}")).unwrap_or_default();
                let offset = match frame.function_offset {
                    Some(offset) if !frame.is_inlined => format!(" +{offset:#x}"),
                    _ => String::new(),
                };
                let _ = writeln!(self.text, "\t{}{line}{offset}", escape(shown_path(file)));
            }
        }
    }

    fn futures(&mut self, frames: &[AsyncFrame]) {
        for frame in frames {
            let _ = writeln!(self.text, "{}(...)", frame.name);
            if frame.line > 0 {
                let _ = writeln!(self.text, "\t{}", frame.place());
            }
        }
    }

    fn is_full(&mut self) -> bool {
        let is_full = self.text.len() > MOST_BYTES;
        self.left_out += u64::from(is_full);
        is_full
    }

    /// The text.
    pub(crate) fn finish(mut self) -> String {
        if self.left_out > 0 {
            let _ = writeln!(self.text, "...{} elided...", counted(self.left_out, "stack"));
        }
        self.text
    }
}
