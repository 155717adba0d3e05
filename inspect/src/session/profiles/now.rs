//! `goroutine` and `threadcreate`: tasks and threads at one moment.

use std::collections::HashMap;
use std::time::Duration;

use rgops_pprof::proto::Profile;
use rgops_protocol::reply::stack::StackPart;
use rgops_protocol::request::{Request, StackRequest};

use super::gather::now_unix_ns;
use super::unless_busy::unless_busy;
use crate::locks::{LockWait, lock_waits};
use crate::report::stack::{Role, lock_threads};
use crate::session::answer::Answer as _;
use crate::session::connect::Session;
use crate::session::error::SessionError;
use crate::session::stack::{Stack, StackOptions};
use crate::session::tasks::{Tasks, TasksOptions};
use crate::tasks::model::{AsyncStack, State};
use crate::waits::{Draft, Goroutines, Kind, path};

/// Why a program has no tasks, as a remark.
const NO_TOKIO: &str = "no tasks: the program has no Tokio runtime of its own";
const NOT_WATCHED: &str =
    "no tasks: no Tokio runtime is watched; call rgops_agent::listen inside a runtime, or Agent::watch";

impl Session {
    /// Tokio tasks by async stack: `goroutine/count`. The innermost frame is the `await` that a task is suspended at, or
    /// the stack of its thread if it runs; the outermost is the future that was spawned. A program without Tokio has an
    /// empty profile.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn goroutine_profile(&mut self) -> Result<Profile, SessionError> {
        let Some(tasks) = self.tasks_if_any()? else {
            let mut draft = Draft::new(self.hello(), Vec::new());
            draft.comment(NO_TOKIO);
            return Ok(draft.finish(Kind::Goroutine, now_unix_ns(), 0));
        };
        let report = tasks.report();
        let mut draft = Draft::new(self.hello(), report.tasks.modules.clone());
        let mut nameless = 0u64;
        for (index, task) in report.tasks.tasks.iter().enumerate() {
            let name = report.task_name(task, false);
            nameless += u64::from(matches!(task.stack, AsyncStack::Unknown(_) | AsyncStack::Moved));
            let stack = match report.running_on(index) {
                Some(thread) if task.state == State::Running => {
                    let mut stack = draft.native(&thread.addresses, &thread.frames);
                    stack.extend(draft.futures(&path(task, name.as_deref())));
                    stack
                }
                _ => draft.futures(&path(task, name.as_deref())),
            };
            draft.add(stack, &[("state", state(task.state))], [1, 0]);
        }
        if report.tasks.runtimes.is_empty() {
            draft.comment(NOT_WATCHED);
        }
        if nameless > 0 {
            draft.comment(format!(
                "{nameless} tasks without an async stack: they are counted at their future"
            ));
        }
        for gap in tasks.completeness().sentences() {
            draft.comment(gap);
        }
        let unix_ns = report.tasks.unix_ns;
        Ok(draft.finish(Kind::Goroutine, unix_ns, 0))
    }

    /// Each task with its state and what it waits for, then the threads: the text of `goroutine?debug=2`. How long a task
    /// waits is not known; of a thread it is if an earlier command saw it, too.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn goroutine_text(&mut self) -> Result<String, SessionError> {
        let tasks = self.tasks_if_any()?;
        let mut text = Goroutines::default();
        match &tasks {
            None => text.remark(NO_TOKIO),
            Some(tasks) => {
                if tasks.list().runtimes.is_empty() {
                    text.remark(NOT_WATCHED);
                }
                text.tasks(tasks.report());
            }
        }
        match tasks.as_ref().map(Tasks::threads) {
            // They are named already: the answer is for a program that hangs.
            Some(threads) if !threads.is_empty() => {
                let budget = self.options().new_budget();
                let none = HashMap::new();
                let parked_at = self.parked_at(&lock_threads(threads, &none), &budget);
                let holders = self.lock_holders(lock_threads(threads, &parked_at), &budget);
                let blocked = lock_threads(threads, &parked_at).into_iter().filter(|one| one.is_blocked);
                let waits = lock_waits(blocked.map(|one| one.waiter())).into_iter();
                let waits: Vec<LockWait> = waits.map(|wait| wait.with_holder(&holders)).collect();
                text.threads(threads, &waits, &self.waiting_ns());
            }
            _ => {
                let stack = unless_busy(|| self.stack(&StackOptions::default()))?;
                let waiting = stack.threads().iter().filter_map(|one| Some((one.tid, one.waiting_ns?)));
                text.threads(stack.threads(), &stack.report().lock_waits(), &waiting.collect());
            }
        }
        for gap in tasks.iter().flat_map(|tasks| tasks.completeness().sentences()) {
            text.remark(&gap);
        }
        Ok(text.finish())
    }

    /// Threads by stack: `threadcreate/count`, with the label `thread`. Unlike Go's it has the threads that there are,
    /// where they are, and not where they were created. The agent's are left out.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn threadcreate_profile(&mut self) -> Result<Profile, SessionError> {
        let stack: Stack = unless_busy(|| self.stack(&StackOptions::default()))?;
        let mut draft = Draft::new(self.hello(), stack.modules().to_vec());
        for thread in stack.threads().iter().filter(|thread| thread.role != Role::Agent) {
            let locations = draft.native(&thread.addresses, &thread.frames);
            draft.add(locations, &[("thread", &thread.name)], [1, 0]);
        }
        for gap in stack.completeness().sentences() {
            draft.comment(gap);
        }
        let unix_ns = stack.report().summary.as_ref().map_or_else(now_unix_ns, |summary| summary.unix_ns);
        Ok(draft.finish(Kind::Threadcreate, unix_ns, 0))
    }

    /// For how long threads have waited at least, which the agent knows if it was asked for stacks before. Empty if it does
    /// not tell.
    fn waiting_ns(&mut self) -> HashMap<u32, u64> {
        let request = Request::Stack(StackRequest { max_depth: 1 });
        let mut session = self.again();
        let parts = unless_busy(|| {
            let (client, _running) = session.begin(Duration::ZERO)?;
            let collected = client.ask(&request)?.collect::<StackPart>(&mut |_| {});
            collected.end?;
            Ok(collected.parts)
        });
        let waiting = parts.unwrap_or_default().into_iter().filter_map(|part| match part {
            StackPart::Summary(summary) => summary.waiting.value().cloned(),
            _ => None,
        });
        waiting.flatten().map(|thread| (thread.tid, thread.for_ns)).collect()
    }

    /// The tasks; `None` for a program without Tokio.
    fn tasks_if_any(&mut self) -> Result<Option<Tasks>, SessionError> {
        match unless_busy(|| self.tasks(&TasksOptions::default(), &mut |_| {})) {
            Ok(tasks) => Ok(Some(tasks)),
            Err(SessionError::NoTokio { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Scheduled => "scheduled",
        State::Idle => "idle",
        State::Complete => "complete",
    }
}
