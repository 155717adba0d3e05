//! `tasks`: every Tokio task, its current `await`, and who waits for whom.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::time::Duration;

use rgops_protocol::reply::End;

use super::answer::{Answer, end_of};
use super::completeness::Completeness;
use super::connect::Session;
use super::error::SessionError;
use super::no_tokio::no_tokio;
use super::progress::Progress;
use crate::processes;
use crate::report::Document;
use crate::report::screen::Screen;
use crate::report::stack::Thread;
use crate::report::tasks::{Filter, JsonTasks, Named, TasksReport, View};
use crate::tasks::fetch::{self, Fetched, Step, fetch_with};
use crate::tasks::graph::WaitGraph;
use crate::tasks::model::Task;

/// What to list.
#[derive(Debug, Clone)]
pub struct TasksOptions {
    depth: u32,
    watch: Option<Duration>,
}

impl Default for TasksOptions {
    fn default() -> TasksOptions {
        TasksOptions { depth: 128, watch: None }
    }
}

impl TasksOptions {
    /// Maximum frames per thread's stack, innermost first; 128 by default, 0 for no threads.
    #[must_use]
    pub fn depth(mut self, frames: u32) -> TasksOptions {
        self.depth = frames;
        self
    }

    /// Looks at the tasks again and again for this time, and marks those that did not move.
    #[must_use]
    pub fn watch(mut self, time: Option<Duration>) -> TasksOptions {
        self.watch = time;
        self
    }
}

/// Every task, and who waits for whom.
#[derive(Debug)]
pub struct Tasks {
    report: TasksReport,
    /// Number of captured threads.
    captured: usize,
    end: Result<End, SessionError>,
}

/// What to show.
#[derive(Debug, Clone, Default)]
pub struct TasksView {
    view: View,
    dot: bool,
}

impl TasksView {
    /// Every task separately, without groups.
    #[must_use]
    pub fn all(mut self, all: bool) -> TasksView {
        self.view.all = all;
        self
    }

    /// Also types as the compiler names them, whole paths, and Tokio's own futures and frames.
    #[must_use]
    pub fn verbose(mut self, verbose: bool) -> TasksView {
        self.view.verbose = verbose;
        self
    }

    /// Only these tasks.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> TasksView {
        self.view.filter = filter;
        self
    }

    /// The text is the wait-for graph for Graphviz.
    #[must_use]
    pub fn dot(mut self, dot: bool) -> TasksView {
        self.dot = dot;
        self
    }
}

impl Tasks {
    /// The tasks, by runtime and id.
    pub fn tasks(&self) -> &[Task] {
        &self.report.tasks.tasks
    }

    /// Everything that was listed.
    pub(super) fn list(&self) -> &crate::tasks::model::Tasks {
        &self.report.tasks
    }

    /// Who waits for whom, and deadlocks.
    pub fn graph(&self) -> &WaitGraph {
        &self.report.graph
    }

    /// The threads that were captured with the list, without the agent's.
    pub(super) fn threads(&self) -> &[Thread] {
        &self.report.threads
    }

    /// Everything, named.
    pub(super) fn report(&self) -> &TasksReport {
        &self.report
    }

    /// Leaks its memory until the process exits: freeing a hundred thousand stacks one by one takes 100 ms.
    pub fn leak(self) {
        let _ = ManuallyDrop::new(self);
    }
}

impl Session {
    /// Lists every task of every watched runtime, and decodes the current `await` of each.
    ///
    /// # Errors
    /// [`SessionError`], if nothing was received.
    pub fn tasks(
        &mut self,
        options: &TasksOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Tasks, SessionError> {
        let (client, _running) = self.begin(options.watch.unwrap_or_default())?;
        let budget = client.budget().clone();
        let files = fetch::Options {
            local_pid: self.local_pid(),
            symbol_directories: self.options().symbols.clone(),
            max_depth: options.depth,
            watch: options.watch,
        };
        let mut reconnect = || self.connect_again(&budget);
        let progress = RefCell::new(progress);
        let mut step = |step: Step| progress.borrow_mut()(step.into());
        let (mut captured, mut named) = (0, None);
        let mut blocked = |tasks: &mut crate::tasks::model::Tasks| {
            progress.borrow_mut()(Progress::Naming);
            captured = tasks.threads.len();
            let of = Named::of(&budget, self.hello(), files.local_pid, &files.symbol_directories, tasks);
            named.insert(of).blocked()
        };
        let fetched = fetch_with(client, &mut reconnect, &files, &mut blocked, &mut step)?;
        let Fetched { hello, mut tasks, end, watched } = fetched;
        let named = named.unwrap_or_else(|| {
            Named::of(&budget, &hello, files.local_pid, &files.symbol_directories, &mut tasks)
        });
        let mut report = TasksReport::of_named(&budget, &hello, files.local_pid, tasks, named);
        report.target = self.typed().to_owned();
        report.watched = watched;
        if let Some(pid) = self.local_pid() {
            let sockets = processes::sockets(pid, &report.descriptors());
            report = report.with_sockets(sockets);
        }
        let end = end.map_err(SessionError::from);
        if report.tasks.runtimes.is_empty()
            && end.is_ok()
            && let Some(error) = no_tokio(&report.threads, &report.target)
        {
            return Err(error);
        }
        Ok(Tasks { report, captured, end })
    }
}

impl From<Step> for Progress {
    fn from(step: Step) -> Progress {
        match step {
            Step::Listing { tasks } => Progress::Listing { tasks },
            Step::DebugInformation => Progress::DebugInformation,
            Step::Decoding { done, total } => Progress::Decoding { done, total },
            Step::Watching => Progress::Watching,
        }
    }
}

#[cfg(test)]
pub(super) type Json = Document<JsonTasks<'static>>;

impl Answer for Tasks {
    type View = TasksView;
    type Body<'a> = JsonTasks<'a>;

    fn text(&self, TasksView { view, dot }: &TasksView) -> Screen {
        match dot {
            true => self.report.dot(view),
            false => self.report.screen(view),
        }
    }

    fn json<'a>(&'a self, TasksView { view, .. }: &'a TasksView) -> Document<JsonTasks<'a>> {
        let end = end_of(&self.end);
        JsonTasks::document(&self.report, &view.filter, end)
    }

    fn completeness(&self) -> Completeness<'_> {
        let missing = self.captured.saturating_sub(self.report.threads.len());
        let left_out = self.report.exhausted.map(|why| (missing, why));
        Completeness::of(self.end.as_ref())
            .with_threads_left_out(left_out)
            .partial_if(self.report.is_partial())
    }
}
