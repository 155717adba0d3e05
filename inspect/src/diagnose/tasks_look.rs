//! From decoded tasks and their wait graph to what a diagnosis needs of them.

use std::collections::BTreeMap;

use super::finding::Place;
use super::seen::{DeadlockSeen, StepSeen, TaskLook};
use crate::tasks::graph::{Deadlock, WaitGraph};
use crate::tasks::model::{AsyncStack, Location, Node, Resource, ResourceKind, Task};

/// Maximum nodes of a future that are searched for what it waits on.
const MOST_NODES: usize = 256;

impl TaskLook {
    /// The tasks at a moment.
    pub(crate) fn new(at_ns: u64, tasks: &[Task], graph: &WaitGraph) -> TaskLook {
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
        }
    }
}

fn name(task: &Task) -> String {
    task.future.as_ref().map_or_else(|| "of an unknown future".to_owned(), |future| future.short.to_string())
}

fn ring(deadlock: &Deadlock, tasks: &[Task], graph: &WaitGraph) -> DeadlockSeen {
    let step = |(task, resource): &(usize, usize)| {
        let (task, resource) = (tasks.get(*task)?, &graph.resources.get(*resource)?.resource);
        Some(StepSeen {
            task: task.id,
            name: name(task),
            waits_for: text(resource, tasks),
            place: wait_place(task, resource),
        })
    };
    DeadlockSeen {
        ring: deadlock.ring.iter().filter_map(step).collect(),
        behind: (deadlock.also.len() + deadlock.behind.len()) as u64,
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
fn wait_place(task: &Task, resource: &Resource) -> Option<Place> {
    let (AsyncStack::Decoded(root) | AsyncStack::Cut(root, _)) = &task.stack else { return None };
    let mut left = MOST_NODES;
    let mut path = Vec::new();
    if !leads_to(root, resource, &mut path, &mut left) {
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

fn leads_to<'n>(node: &'n Node, resource: &Resource, path: &mut Vec<&'n Node>, left: &mut usize) -> bool {
    if *left == 0 {
        return false;
    }
    *left -= 1;
    path.push(node);
    let waits = node.waits_on.as_ref().is_some_and(|one| one.avma == resource.avma && one.avma != 0);
    if waits || node.children.iter().any(|child| leads_to(child, resource, path, left)) {
        return true;
    }
    path.pop();
    false
}
