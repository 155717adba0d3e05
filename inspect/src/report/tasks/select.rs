//! The tasks that pass a filter.

use super::filter::{Filter, WaitingOn};
use super::report::TasksReport;
use super::tree::{nodes, root};
use crate::tasks::model::{Location, Node, Resource, ResourceKind, State, Task};

impl TasksReport {
    /// The tasks that pass a filter, in order.
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
