//! Tasks grouped by place: running tasks first, then the largest groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use super::names::SHOWN_TASK_IDS;
use super::names::{has_address, kind, type_name};
use super::report::TasksReport;
use super::shapes::Shapes;
use super::thread::{own_frames, write_native};
use super::tree::{Tree, nodes, root};
use super::view::View;
use super::words::{runtime_kind, state};
use crate::report::screen::Screen;
use crate::tasks::model::{AsyncStack, Node, Resource, ResourceKind, State, TypeName};
use crate::text::known;
use crate::text::{counted, duration, escape, shown_name};

/// Indices in ascending order, which is the order of task ids.
fn sorted(mut tasks: Vec<usize>) -> Vec<usize> {
    tasks.sort_unstable();
    tasks
}

/// `1 more thread is`, `2 more threads are`.
fn are(count: usize) -> String {
    format!("{} {}", counted(count as u64, "more thread"), if count == 1 { "is" } else { "are" })
}

/// The place of a task, with numbers for stacks and names.
#[derive(PartialEq, Eq, Hash)]
enum Place<'t> {
    Await(usize),
    /// No stack: the reason and the future.
    None(&'t str, Option<(usize, usize)>),
    /// Functions of the native stack.
    Native(Vec<&'t str>, Option<(usize, usize)>),
    /// The native stack of a thread that is shown with another task.
    Elsewhere(u64, Option<(usize, usize)>),
}

impl TasksReport {
    /// Groups of tasks with the same place and state: running tasks first, then the largest groups.
    pub(super) fn groups(&self, tasks: &[usize], view: &View) -> Vec<Vec<usize>> {
        if view.all {
            return tasks.iter().map(|index| vec![*index]).collect();
        }
        let mut places: HashMap<_, usize> = HashMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut shapes = Shapes::default();
        for index in tasks {
            let task = self.task(*index);
            let place = self.place(*index, &mut shapes);
            // Without a name, the poll function tells futures apart.
            let poll = task.future.is_none().then_some(task.poll_avma);
            let unmoved = self.unmoved_ns(task);
            let aside = self.aside_shapes(task, &mut shapes);
            let key = (task.state, task.is_cancelled, place, aside, poll, unmoved);
            match places.get(&key) {
                Some(group) => groups[*group].push(*index),
                None => {
                    places.insert(key, groups.len());
                    groups.push(vec![*index]);
                }
            }
        }
        groups.sort_by_key(|group| {
            let first = self.task(group[0]);
            let moved = self.unmoved_ns(first).is_none();
            (first.state != State::Running, moved, std::cmp::Reverse(group.len()), first.id)
        });
        groups
    }

    fn place<'t>(&'t self, index: usize, shapes: &mut Shapes<'t>) -> Place<'t> {
        let task = self.task(index);
        let mut future = || task.future.as_ref().map(|name| shapes.name(name));
        match &task.stack {
            AsyncStack::Running => match self.shown_elsewhere(index) {
                Some(other) => Place::Elsewhere(other.id, future()),
                None => {
                    let frames = self.own_thread(index).map(|thread| own_frames(&thread.frames, false).0);
                    let functions = frames.unwrap_or_default().iter();
                    let functions = functions.map(|frame| frame.function.as_deref().unwrap_or_default());
                    Place::Native(functions.collect(), future())
                }
            },
            AsyncStack::Complete => Place::None("complete", future()),
            AsyncStack::Moved => Place::None("moved", future()),
            AsyncStack::Unknown(why) => Place::None(why, future()),
            AsyncStack::Decoded(node) | AsyncStack::Cut(node, _) => Place::Await(shapes.of(node)),
        }
    }

    /// Each runtime's groups.
    pub(super) fn runtimes(&self, text: &mut Screen, selected: &[usize], view: &View) {
        let mut of_runtime: Vec<Vec<usize>> = vec![Vec::new(); self.tasks.runtimes.len()];
        for task in selected {
            if let Some(tasks) = of_runtime.get_mut(self.task(*task).runtime) {
                tasks.push(*task);
            }
        }
        for (number, (runtime, tasks)) in self.tasks.runtimes.iter().zip(&of_runtime).enumerate() {
            if text.is_cut() {
                return;
            }
            if view.filter.runtime.as_ref().is_some_and(|name| *name != runtime.name) {
                continue;
            }
            if tasks.is_empty() && !view.filter.is_everything() {
                continue;
            }
            let _ = write!(text, "\n{}", self.runtime_line(number));
            if tasks.len() as u64 != self.listed(number) {
                let _ = write!(text, "; {} shown", tasks.len());
            }
            text.push('\n');
            for group in self.groups(tasks, view) {
                if text.is_cut() {
                    return;
                }
                text.push('\n');
                self.group(text, &group, view);
            }
        }
    }

    fn listed(&self, runtime: usize) -> u64 {
        self.by_runtime[runtime].len() as u64
    }

    /// `runtime main (multi_thread, 4 workers): 29 tasks`.
    pub(super) fn runtime_line(&self, number: usize) -> String {
        let runtime = &self.tasks.runtimes[number];
        let kind = runtime_kind(runtime.kind);
        let workers = match runtime.kind {
            rgops_protocol::reply::tasks::RuntimeKind::MultiThread => {
                format!(", {}", counted(u64::from(runtime.workers), "worker"))
            }
            // Nobody gave it a name.
            _ => runtime.found_on.map_or(String::new(), |tid| format!(" of {}", self.thread_name(tid))),
        };
        let name = escape(&runtime.name);
        let mut line = format!("runtime {name} ({kind}{workers}): ");
        match &runtime.list {
            rgops_protocol::reply::Known::Value(_) => line.push_str(&counted(self.listed(number), "task")),
            rgops_protocol::reply::Known::Unavailable(missing) => {
                let _ = write!(line, "list {}", known::unavailable(missing));
                let alive = known::show(&runtime.alive_tasks, |alive| counted(*alive, "task"));
                let _ = write!(line, "; Tokio counts {alive}");
            }
        }
        line
    }

    /// `thread 4713 arbiter:0`, or without the name if the thread was not captured.
    fn thread_name(&self, tid: u32) -> String {
        let thread = self.threads.iter().find(|thread| thread.tid == tid);
        let name = thread.map_or(String::new(), |thread| format!(" {}", escape(&thread.name)));
        format!("thread {tid}{name}")
    }

    fn group(&self, text: &mut Screen, group: &[usize], view: &View) {
        let first = self.task(group[0]);
        let mut what = state(first.state).to_owned();
        if first.is_cancelled {
            what.push_str(", cancelled");
        }
        if let Some(unmoved_ns) = self.unmoved_ns(first) {
            let _ = write!(what, ", not moved for {}", duration(unmoved_ns));
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
        self.set_aside(text, group, view);
        if first.state == State::Running {
            self.native(text, group[0], view);
        }
    }

    /// ` on thread 4712 tokio-rt-worker`.
    fn threads_of(&self, text: &mut Screen, group: &[usize]) {
        let mut threads: Vec<_> = group
            .iter()
            .filter(|task| self.task(**task).state == State::Running)
            .filter_map(|task| self.thread_of(self.task(*task)))
            .collect();
        threads.dedup_by_key(|thread| thread.tid);
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

    /// The stack of a running task: that of its thread, from the same answer.
    pub(super) fn native(&self, text: &mut Screen, index: usize, view: &View) {
        match (self.own_thread(index), self.thread_of(self.task(index)), self.shown_elsewhere(index)) {
            (Some(thread), ..) => write_native(text, thread, view.verbose),
            (None, Some(thread), Some(other)) => {
                let _ = writeln!(text, "  thread {} is shown with task {}", thread.tid, other.id);
            }
            _ if self.threads.is_empty() => text.push_str("  its thread was not captured\n"),
            _ => text.push_str("  no thread was polling it when the threads were captured\n"),
        }
        let further = self.owners.further(self.task(index));
        if further > 0 {
            let _ = writeln!(text, "  {} also reported to poll it", are(further));
        }
    }

    /// The resources that the tasks of a group wait on, by position in the stack.
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
                    (count, ResourceKind::Task) if count == tasks.len() => {
                        self.ids(&sorted(tasks), false).to_string()
                    }
                    (count, ResourceKind::Task) => format!("{count} different tasks"),
                    (count, _) => format!("{} ({count} different ones)", kind(one.kind)),
                }
            }
            _ => {
                // What else all of them may wait for is said once.
                let or_another = one.or_another().unwrap_or_default();
                let detail = |resource: &&Resource| {
                    let detail = self.detail(resource)?;
                    Some(detail.strip_suffix(or_another).unwrap_or(&detail).to_owned())
                };
                let details: BTreeSet<String> = all.iter().filter_map(detail).collect();
                let shown: Vec<_> =
                    details.iter().take(SHOWN_TASK_IDS).map(|detail| shown_name(detail)).collect();
                let more = if details.len() > SHOWN_TASK_IDS { ", …" } else { "" };
                match one.kind {
                    _ if details.is_empty() => kind(one.kind).to_owned(),
                    ResourceKind::Io => format!("{}{more}{or_another}", shown.join(", ")),
                    other => format!("{} ({}{more})", kind(other), shown.join(", ")),
                }
            }
        }
    }

    /// The most frequent futures, to show what exists when a filter matches no task.
    pub(super) fn most_frequent(&self) -> Vec<(String, usize)> {
        let mut shapes = Shapes::default();
        let mut counts: HashMap<(usize, usize), (&TypeName, usize)> = HashMap::new();
        for name in self.tasks.tasks.iter().filter_map(|task| task.future.as_ref()) {
            counts.entry(shapes.name(name)).or_insert((name, 0)).1 += 1;
        }
        let mut counts: Vec<_> = counts.into_values().collect();
        counts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.short.clone()));
        counts.into_iter().take(5).map(|(name, count)| (type_name(name, false), count)).collect()
    }
}
