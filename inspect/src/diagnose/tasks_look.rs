//! From decoded tasks and their wait graph to what a diagnosis needs of them.

use std::collections::BTreeMap;

use super::finding::Place;
use super::seen::{DeadlockSeen, KeptSeen, LateTimer, StepSeen, TaskLook};
use crate::tasks::graph::{Deadlock, WaitGraph};
use crate::tasks::model::{AsyncStack, Location, Node, Resource, ResourceKind, SetAside, State, Task, Tasks};

/// Maximum nodes of a future that are searched for what it waits on.
const MOST_NODES: usize = 256;

impl TaskLook {
    /// The tasks at a moment.
    pub(crate) fn new(at_ns: u64, list: &Tasks, graph: &WaitGraph) -> TaskLook {
        let tasks = list.tasks.as_slice();
        let mut kinds = BTreeMap::new();
        for task in tasks {
            *kinds.entry(name(task)).or_insert(0) += 1;
        }
        let blocking =
            graph.resources.iter().filter(|waited| waited.resource.kind == ResourceKind::BlockingTask);
        TaskLook {
            at_ns,
            listed: tasks.len() as u64,
            kinds,
            deadlocks: graph.deadlocks.iter().map(|deadlock| ring(deadlock, tasks, graph)).collect(),
            waiting_for_blocking: blocking.map(|waited| waited.waiters.len() as u64).sum(),
            late_timers: late_timers(list),
            timers: tasks.iter().filter(|task| task.due_ns.is_some()).count() as u64,
        }
    }
}

fn name(task: &Task) -> String {
    task.future.as_ref().map_or_else(|| "of an unknown future".to_owned(), |future| future.short.to_string())
}

fn ring(deadlock: &Deadlock, tasks: &[Task], graph: &WaitGraph) -> DeadlockSeen {
    let step = |(index, (task, resource)): (usize, &(usize, usize))| {
        let (task, resource) = (tasks.get(*task)?, &graph.resources.get(*resource)?.resource);
        let holder = tasks.get(deadlock.ring[(index + 1) % deadlock.ring.len()].0)?;
        let kept = holder.set_aside.iter().find(|aside| aside.resource.avma == resource.avma);
        Some(StepSeen {
            task: task.id,
            name: name(task),
            waits_for: text(resource, tasks),
            place: wait_place(task, Some(resource)),
            kept: kept.map(KeptSeen::new),
        })
    };
    DeadlockSeen {
        ring: deadlock.ring.iter().enumerate().filter_map(step).collect(),
        behind: (deadlock.also.len() + deadlock.behind.len()) as u64,
    }
}

/// Timers that were due when the list was made, the latest first; `None` without the time of that.
fn late_timers(list: &Tasks) -> Option<Vec<LateTimer>> {
    let now_ns = list.monotonic_ns?;
    let waiting = list.tasks.iter().filter(|task| matches!(task.state, State::Idle | State::Scheduled));
    let late = waiting.filter_map(|task| Some((now_ns.checked_sub(task.due_ns?)?, task)));
    let mut late: Vec<(u64, &Task)> = late.collect();
    late.sort_by_key(|(late_ns, _)| std::cmp::Reverse(*late_ns));
    late.truncate(LateTimer::MOST);
    let timer = |(late_ns, task): (u64, &Task)| LateTimer {
        task: task.id,
        name: name(task),
        runtime: list.runtimes.get(task.runtime).map_or(String::new(), |runtime| runtime.name.clone()),
        late_ns,
        place: wait_place(task, None),
    };
    Some(late.into_iter().map(timer).collect())
}

impl KeptSeen {
    fn new(aside: &SetAside) -> KeptSeen {
        let (file, line) = match &aside.location {
            Some(Location::Await { file, line }) => (Some(file.to_string()), Some(*line)),
            _ => (None, None),
        };
        let place = Place { function: aside.future.short.to_string(), file, line };
        KeptSeen { place, is_given: aside.is_given }
    }
}

fn text(resource: &Resource, tasks: &[Task]) -> String {
    let kind = match resource.kind {
        ResourceKind::Task => {
            let task = tasks.iter().find(|task| task.header_avma == resource.avma);
            return task.map_or_else(|| "a task".to_owned(), |task| format!("task {}", task.id));
        }
        ResourceKind::Mutex => "Mutex",
        ResourceKind::RwLockRead => "RwLock (to read)",
        ResourceKind::RwLockWrite => "RwLock (to write)",
        ResourceKind::OnceCell => "OnceCell",
        ResourceKind::Semaphore => "Semaphore",
        _ => "resource",
    };
    format!("{kind} {:#x}", resource.avma)
}

/// The innermost await of the program on the way to the resource; without that, the innermost of the first branch.
fn wait_place(task: &Task, resource: Option<&Resource>) -> Option<Place> {
    let (AsyncStack::Decoded(root) | AsyncStack::Cut(root, _)) = &task.stack else { return None };
    let mut left = MOST_NODES;
    let mut path = Vec::new();
    if !leads_to(root, &|node| waits_for(node, resource), &mut path, &mut left) {
        path.clear();
        let mut node = Some(root.as_ref());
        while let Some(one) = node.filter(|_| path.len() < MOST_NODES) {
            path.push(one);
            node = one.children.first().map(AsRef::as_ref);
        }
    }
    let places = path.iter().rev().filter_map(|node| match &node.location {
        Some(Location::Await { file, line }) => Some(Place {
            function: node.name.short.to_string(),
            file: Some(file.to_string()),
            line: Some(*line),
        }),
        _ => None,
    });
    let mut places = places.peekable();
    let innermost = places.peek().cloned();
    let is_fetched = |place: &Place| {
        place.file.as_deref().is_some_and(|file| file.contains("/registry/src/") || file.contains("/rustc/"))
    };
    places.find(|place| !is_fetched(place)).or(innermost)
}

/// Whether a node waits for the resource; without one, for a timer.
fn waits_for(node: &Node, resource: Option<&Resource>) -> bool {
    node.waits_on.as_ref().is_some_and(|one| match resource {
        Some(resource) => one.avma == resource.avma && one.avma != 0,
        None => one.kind == ResourceKind::Timer,
    })
}

fn leads_to<'n>(
    node: &'n Node,
    is_end: &dyn Fn(&Node) -> bool,
    path: &mut Vec<&'n Node>,
    left: &mut usize,
) -> bool {
    if *left == 0 {
        return false;
    }
    *left -= 1;
    path.push(node);
    if is_end(node) || node.children.iter().any(|child| leads_to(child, is_end, path, left)) {
        return true;
    }
    path.pop();
    false
}
