//! The graph: tasks, the resources they wait on, and the holders.

use std::collections::HashMap;

use crate::model::{Resource, ResourceKind};

/// Tasks, the resources they wait on, and the deadlocks among them. Tasks are named by their index in
/// [`Tasks::tasks`](crate::model::Tasks::tasks), resources by that in [`WaitGraph::resources`].
#[derive(Debug, Clone, Default)]
pub struct WaitGraph {
    /// Resources that are waited on or held, most waiters first.
    pub resources: Vec<Waited>,
    /// For each task the resources it waits on, each once.
    pub waits: Vec<Vec<usize>>,
    /// Deadlocks, those with most tasks first.
    pub deadlocks: Vec<Deadlock>,
    pub(super) places: HashMap<(Family, u64), usize>,
    /// For each task the first resource it waits on that has a known holder.
    pub(super) held: Vec<Option<usize>>,
}

/// A resource that tasks wait on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waited {
    /// The resource, in its most precise known kind.
    pub resource: Resource,
    /// Tasks that wait on it.
    pub waiters: Vec<usize>,
    /// Tasks that hold it, according to saved guards. For a `JoinHandle` the task itself.
    pub holders: Vec<usize>,
}

/// Tasks that wait only for each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlock {
    /// A shortest ring. Each pair is a task and the resource it waits on. The next task holds that resource; the
    /// first task holds the resource of the last one.
    pub ring: Vec<(usize, usize)>,
    /// Other tasks that are on rings with these.
    pub also: Vec<usize>,
    /// Tasks that wait for any of these, directly or through others, and cannot continue either.
    pub behind: Vec<usize>,
}

/// The kind by which two resources are compared: a lock's waiter and its guard may report different kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Family {
    Task,
    Lock,
    Notify,
    Channel,
    Barrier,
    Io,
}

/// The family of a resource that several tasks can wait on; `None` for one that each task has for itself.
fn family(kind: ResourceKind) -> Option<Family> {
    use ResourceKind as Kind;
    match kind {
        Kind::Task | Kind::BlockingTask => Some(Family::Task),
        // The initializer of a cell holds the permit of a semaphore.
        Kind::Mutex | Kind::RwLockRead | Kind::RwLockWrite | Kind::Semaphore | Kind::OnceCell => {
            Some(Family::Lock)
        }
        Kind::Notify => Some(Family::Notify),
        Kind::Channel => Some(Family::Channel),
        Kind::Barrier => Some(Family::Barrier),
        Kind::Io => Some(Family::Io),
        Kind::Timer | Kind::Other => None,
    }
}

impl WaitGraph {
    /// The first resource a task waits on that has a known holder.
    pub fn held(&self, task: usize) -> Option<usize> {
        self.held.get(task).copied().flatten()
    }

    /// From a task to the resource it waits on, to its holder, and so on: until a resource has no known
    /// holder, or a task repeats.
    pub fn chain(&self, task: usize, longest: usize) -> Vec<(usize, usize)> {
        let mut chain: Vec<(usize, usize)> = Vec::new();
        let mut task = task;
        while chain.len() < longest && chain.iter().all(|(known, _)| *known != task) {
            let Some(resource) = self.held(task) else { break };
            chain.push((task, resource));
            task = self.resources[resource].holders[0];
        }
        chain
    }

    /// The entry of the resource that a task's leaf waits on.
    pub fn find(&self, resource: &Resource) -> Option<&Waited> {
        self.places.get(&key(resource)?).map(|place| &self.resources[*place])
    }
}

/// The key of a resource; `None` for one that each task has for itself.
pub(super) fn key(resource: &Resource) -> Option<(Family, u64)> {
    family(resource.kind).filter(|_| resource.avma != 0).map(|family| (family, resource.avma))
}
