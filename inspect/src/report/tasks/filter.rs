//! Which tasks are shown.

use super::TasksReport;
use super::stack::{nodes, root};
use crate::tasks::model::{Location, Node, Resource, ResourceKind, State, Task};

/// Which tasks are shown: those that every given part allows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// In one of these states; empty for any.
    pub states: Vec<State>,
    /// With this text in a future's name, a place in the source or what it waits on.
    pub matching: Option<String>,
    /// This one.
    pub task: Option<u64>,
    /// Waiting on this.
    pub waiting_on: Option<WaitingOn>,
    /// In the runtime with this name.
    pub runtime: Option<String>,
}

/// What `--waiting-on` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingOn {
    /// The end of a task.
    Task(u64),
    /// Whatever is at this address.
    Address(u64),
}

impl std::str::FromStr for WaitingOn {
    type Err = String;

    fn from_str(text: &str) -> Result<WaitingOn, String> {
        let parsed = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).map(WaitingOn::Address),
            None => text.parse().map(WaitingOn::Task),
        };
        parsed.map_err(|_| "give a task's id, or an address as 0x7f…".to_owned())
    }
}

impl Filter {
    /// Whether every task passes.
    pub fn is_everything(&self) -> bool {
        let Filter { states, matching, task, waiting_on, runtime } = self;
        states.is_empty() && matching.is_none() && task.is_none() && waiting_on.is_none() && runtime.is_none()
    }

    /// As one would type it.
    pub(super) fn typed(&self) -> String {
        let states = self.states.iter().map(|state| format!("--state {}", super::group::state(*state)));
        let matching = self.matching.iter().map(|text| format!("--match {text}"));
        let task = self.task.iter().map(|id| format!("--task {id}"));
        let waiting_on = self.waiting_on.iter().map(|on| match on {
            WaitingOn::Task(id) => format!("--waiting-on {id}"),
            WaitingOn::Address(avma) => format!("--waiting-on {avma:#x}"),
        });
        let runtime = self.runtime.iter().map(|name| format!("--runtime {name}"));
        let words: Vec<String> =
            states.chain(matching).chain(task).chain(waiting_on).chain(runtime).collect();
        if words.is_empty() { "(no filter)".to_owned() } else { words.join(" ") }
    }
}

impl TasksReport {
    /// The tasks a filter leaves, in their order.
    pub(super) fn select(&self, filter: &Filter) -> Vec<usize> {
        (0..self.tasks.tasks.len()).filter(|index| self.passes(filter, *index)).collect()
    }

    fn passes(&self, filter: &Filter, index: usize) -> bool {
        let task = self.task(index);
        let runtime = self.tasks.runtimes.get(task.runtime).map(|runtime| runtime.name.as_str());
        (filter.states.is_empty() || filter.states.contains(&task.state))
            && filter.task.is_none_or(|id| task.id == id)
            && filter.runtime.as_deref().is_none_or(|name| runtime == Some(name))
            && filter.waiting_on.is_none_or(|on| self.waits_on(task, on))
            && filter.matching.as_deref().is_none_or(|text| self.contains(index, text))
    }

    fn waits_on(&self, task: &Task, on: WaitingOn) -> bool {
        let is_it = |resource: &Resource| match on {
            WaitingOn::Address(avma) => resource.avma == avma,
            WaitingOn::Task(id) => {
                let known = self.by_header.get(&resource.avma).map(|index| self.task(*index).id);
                resource.kind == ResourceKind::Task && known == Some(id)
            }
        };
        root(&task.stack).is_some_and(|root| nodes(root).filter_map(|node| node.waits_on.as_ref()).any(is_it))
    }

    fn contains(&self, index: usize, text: &str) -> bool {
        let task = self.task(index);
        let in_node = |node: &Node| {
            node.name.short.contains(text)
                || node.name.raw.contains(text)
                || matches!(&node.location, Some(Location::Await { file, line })
                    if format!("{file}:{line}").contains(text))
                || node.waits_on.as_ref().is_some_and(|resource| self.resource(resource).contains(text))
        };
        let in_thread = || {
            let thread = self.own_thread(index).filter(|_| task.state == State::Running);
            let mut frames = thread.into_iter().flat_map(|thread| &thread.frames);
            frames.any(|frame| frame.function.as_deref().is_some_and(|name| name.contains(text)))
        };
        task.future.as_ref().is_some_and(|name| name.short.contains(text) || name.raw.contains(text))
            || root(&task.stack).is_some_and(|root| nodes(root).any(in_node))
            || in_thread()
    }
}
