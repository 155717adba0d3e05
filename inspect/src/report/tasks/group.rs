//! Tasks at the same place together: what runs first, then the largest groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};

use super::super::known;
use super::super::text::{counted, escape};
use super::names::{has_address, kind, type_name};
use super::stack::{Tree, nodes, root};
use super::thread::{own_frames, write_native};
use super::{SHOWN_TASK_IDS, TasksReport, View};
use crate::tasks::model::{AsyncStack, Location, Node, Resource, ResourceKind, State, Task, TypeName};

/// Indices in the order of ids, in which the tasks are.
fn sorted(mut tasks: Vec<usize>) -> Vec<usize> {
    tasks.sort_unstable();
    tasks
}

/// A state in a word.
pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Scheduled => "scheduled",
        State::Idle => "idle",
        State::Complete => "complete",
    }
}

/// A stack without the addresses it waits on: two tasks with the same are at the same place.
#[derive(Clone, Copy)]
pub(super) struct Shape<'t>(pub(super) &'t Node);

impl PartialEq for Shape<'_> {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (self.0, other.0);
        std::ptr::eq(one, two)
            || (one.location == two.location
                && one.kind == two.kind
                && one.name == two.name
                && one.children_left_out == two.children_left_out
                && kind_of(one) == kind_of(two)
                && one.children.len() == two.children.len()
                && one.children.iter().zip(&two.children).all(|(one, two)| Shape(one) == Shape(two)))
    }
}

impl Eq for Shape<'_> {}

impl Hash for Shape<'_> {
    /// By little of it: what is equal is compared in full anyway, a hundred thousand times over.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.raw.len().hash(state);
        let line = match self.0.location {
            Some(Location::Await { line, .. }) => Some(line),
            _ => None,
        };
        line.hash(state);
        kind_of(self.0).hash(state);
        self.0.children.len().hash(state);
        self.0.children.iter().for_each(|child| Shape(child).hash(state));
    }
}

fn kind_of(node: &Node) -> Option<ResourceKind> {
    node.waits_on.as_ref().map(|resource| resource.kind)
}

#[derive(PartialEq, Eq, Hash)]
enum Place<'t> {
    Await(Shape<'t>),
    /// No stack: the reason, and the future.
    None(&'t str, Option<&'t TypeName>),
    /// Functions of the native stack.
    Native(Vec<&'t str>, Option<&'t TypeName>),
}

impl TasksReport {
    /// Tasks of a runtime at the same place in the same state, what runs first, then the largest.
    pub(super) fn groups(&self, tasks: &[usize], view: &View) -> Vec<Vec<usize>> {
        let mut places: HashMap<_, usize> = HashMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for index in tasks {
            let task = self.task(*index);
            let key = (task.state, task.is_cancelled, self.place(task));
            match places.get(&key) {
                Some(group) if !view.all => groups[*group].push(*index),
                _ => {
                    places.insert(key, groups.len());
                    groups.push(vec![*index]);
                }
            }
        }
        if !view.all {
            groups.sort_by_key(|group| {
                let first = self.task(group[0]);
                (first.state != State::Running, std::cmp::Reverse(group.len()), first.id)
            });
        }
        groups
    }

    fn place<'t>(&'t self, task: &'t Task) -> Place<'t> {
        match &task.stack {
            AsyncStack::Decoded(node) | AsyncStack::Cut(node, _) => Place::Await(Shape(node)),
            AsyncStack::Running => {
                let frames = self.thread_of(task).map(|thread| own_frames(&thread.frames, false).0);
                let functions = frames.unwrap_or_default().iter();
                let functions = functions.map(|frame| frame.function.as_deref().unwrap_or_default());
                Place::Native(functions.collect(), task.future.as_ref())
            }
            AsyncStack::Complete => Place::None("complete", task.future.as_ref()),
            AsyncStack::Moved => Place::None("moved", task.future.as_ref()),
            AsyncStack::Unknown(why) => Place::None(why, task.future.as_ref()),
        }
    }

    /// Each runtime's groups.
    pub(super) fn runtimes(&self, text: &mut String, selected: &[usize], view: &View) {
        for (number, runtime) in self.tasks.runtimes.iter().enumerate() {
            if view.filter.runtime.as_ref().is_some_and(|name| *name != runtime.name) {
                continue;
            }
            let tasks: Vec<usize> =
                selected.iter().copied().filter(|task| self.task(*task).runtime == number).collect();
            if tasks.is_empty() && !view.filter.is_everything() {
                continue;
            }
            let _ = write!(text, "\n{}", self.runtime_line(number));
            if tasks.len() as u64 != self.listed(number) {
                let _ = write!(text, "; {} shown", tasks.len());
            }
            text.push('\n');
            for group in self.groups(&tasks, view) {
                text.push('\n');
                self.group(text, &group, view);
            }
        }
    }

    fn listed(&self, runtime: usize) -> u64 {
        self.tasks.tasks.iter().filter(|task| task.runtime == runtime).count() as u64
    }

    /// `runtime main (multi_thread, 4 workers): 29 tasks`.
    pub(super) fn runtime_line(&self, number: usize) -> String {
        let runtime = &self.tasks.runtimes[number];
        let kind = super::json::runtime_kind(runtime.kind);
        let workers = match runtime.kind {
            rgops_protocol::reply::tasks::RuntimeKind::MultiThread => {
                format!(", {}", counted(u64::from(runtime.workers), "worker"))
            }
            _ => String::new(),
        };
        let name = escape(&runtime.name);
        let mut line = format!("runtime {name} ({kind}{workers}): ");
        match &runtime.list {
            rgops_protocol::reply::Known::Value(_) => line.push_str(&counted(self.listed(number), "task")),
            rgops_protocol::reply::Known::Unavailable(missing) => {
                let _ = write!(line, "no list, {}", known::unavailable(missing));
                let alive = known::show(&runtime.alive_tasks, |alive| counted(*alive, "task"));
                let _ = write!(line, "; tokio counts {alive}");
            }
        }
        line
    }

    fn group(&self, text: &mut String, group: &[usize], view: &View) {
        let first = self.task(group[0]);
        let mut what = state(first.state).to_owned();
        if first.is_cancelled {
            what.push_str(", cancelled");
        }
        match group {
            [_] => {
                let _ = write!(text, "task {} [{what}]", first.id);
            }
            _ => {
                let ids: Vec<String> =
                    group.iter().take(SHOWN_TASK_IDS).map(|task| self.task(*task).id.to_string()).collect();
                let more = if group.len() > SHOWN_TASK_IDS { " …" } else { "" };
                let _ = write!(text, "{} tasks [{what}]: {}{more}", group.len(), ids.join(" "));
            }
        }
        self.threads_of(text, group);
        text.push('\n');
        if root(&first.stack).is_none()
            && let Some(name) = self.task_name(first, view.verbose)
        {
            let _ = writeln!(text, "  {name}");
        }
        let leaves = self.leaves(group);
        let leaf = |places: &[usize], node: &Node| {
            let waits: Vec<&Resource> =
                places.iter().filter_map(|place| leaves.get(place)).flatten().copied().collect();
            Some(self.waits(&waits, node.waits_on.as_ref()?))
        };
        Tree { verbose: view.verbose, leaf: &leaf }.write(text, &first.stack);
        if first.state == State::Running {
            self.native(text, first, view);
        }
    }

    /// ` on thread 4712 tokio-rt-worker`.
    fn threads_of(&self, text: &mut String, group: &[usize]) {
        let threads: Vec<_> = group
            .iter()
            .filter(|task| self.task(**task).state == State::Running)
            .filter_map(|task| self.thread_of(self.task(*task)))
            .collect();
        let Some(first) = threads.first() else { return };
        let ids: Vec<String> =
            threads.iter().take(SHOWN_TASK_IDS).map(|thread| thread.tid.to_string()).collect();
        let more = if threads.len() > SHOWN_TASK_IDS { " …" } else { "" };
        let plural = if threads.len() == 1 { "" } else { "s" };
        let _ = write!(text, " on thread{plural} {}{more} {}", ids.join(" "), escape(&first.name));
        if threads.iter().all(|thread| thread.state == first.state) {
            let _ = write!(text, " ({})", escape(&first.state));
        }
    }

    /// Where a running task is: its thread's stack, from the same answer.
    pub(super) fn native(&self, text: &mut String, task: &Task, view: &View) {
        match self.thread_of(task) {
            Some(thread) => write_native(text, thread, view.verbose),
            None if self.threads.is_empty() => text.push_str("  its thread was not captured\n"),
            None => text.push_str("  no thread polled it any more when the threads were captured\n"),
        }
    }

    /// What the tasks of a group wait on, by place in the stack.
    fn leaves<'t>(&'t self, group: &[usize]) -> BTreeMap<usize, Vec<&'t Resource>> {
        let mut leaves: BTreeMap<usize, Vec<&Resource>> = BTreeMap::new();
        for task in group {
            let Some(root) = root(&self.task(*task).stack) else { continue };
            for (place, node) in nodes(root).enumerate() {
                if let Some(resource) = &node.waits_on {
                    leaves.entry(place).or_default().push(resource);
                }
            }
        }
        leaves
    }

    /// `Mutex 0x7f…, held by task 29`, or `12 different Mutexes`.
    fn waits(&self, all: &[&Resource], one: &Resource) -> String {
        let same_place = all.iter().all(|resource| resource.avma == one.avma);
        let same_detail = all.iter().all(|resource| resource.detail == one.detail);
        match all {
            [] | [_] => self.resource(one) + &self.held_by(one),
            _ if same_place && same_detail => self.resource(one) + &self.held_by(one),
            _ if same_place && has_address(one.kind) => {
                self.resource(&Resource { detail: None, ..one.clone() }) + &self.held_by(one)
            }
            _ if has_address(one.kind) || one.kind == ResourceKind::Task => {
                let places: BTreeSet<u64> = all.iter().map(|resource| resource.avma).collect();
                let tasks: Vec<usize> = places.iter().filter_map(|place| self.with_header(*place)).collect();
                match (places.len(), one.kind) {
                    (count, ResourceKind::Task) if count == tasks.len() => self.ids(&sorted(tasks), false),
                    (count, ResourceKind::Task) => format!("{count} different tasks"),
                    (count, _) => format!("{} ({count} different ones)", kind(one.kind)),
                }
            }
            _ => {
                let details: BTreeSet<&str> =
                    all.iter().filter_map(|resource| resource.detail.as_deref()).collect();
                let shown: Vec<_> =
                    details.iter().take(SHOWN_TASK_IDS).map(|detail| escape(detail)).collect();
                let more = if details.len() > SHOWN_TASK_IDS { ", …" } else { "" };
                match one.kind {
                    _ if details.is_empty() => kind(one.kind).to_owned(),
                    ResourceKind::Io => format!("{}{more}", shown.join(", ")),
                    other => format!("{} ({}{more})", kind(other), shown.join(", ")),
                }
            }
        }
    }

    /// The largest group's future, for what there was when a filter matches nothing.
    pub(super) fn most_frequent(&self) -> Vec<(String, usize)> {
        let mut counts: HashMap<&TypeName, usize> = HashMap::new();
        for name in self.tasks.tasks.iter().filter_map(|task| task.future.as_ref()) {
            *counts.entry(name).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.short.clone()));
        counts.into_iter().take(5).map(|(name, count)| (type_name(name, false), count)).collect()
    }
}
