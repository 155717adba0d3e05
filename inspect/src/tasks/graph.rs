//! Who waits for whom: tasks, what they wait on and who holds it. A ring in it that nothing outside
//! can open is a deadlock.
//!
//! A ring is called so only when it is one for certain, as far as memory tells: each of its tasks
//! sleeps, was decoded whole, and *everything* it waits for (all branches of a `select!` or `join!`,
//! a timeout among them) is held by tasks of which the same is true. So a lock that is tried with a
//! timeout is no deadlock, nor is one whose holder runs or waits for a socket. Of semaphores and
//! channels nobody can say who would have to act, so they are shown but never blamed.

mod rings;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::model::{AsyncStack, Node, Resource, ResourceKind, State, Task, Tasks};

/// Futures looked at in one task; a task with more is taken to be able to go on.
const MAX_NODES: usize = 100_000;

/// Tasks, the things they wait on, and the deadlocks among them. Tasks are named by their index in
/// [`Tasks::tasks`], resources by that in [`WaitGraph::resources`].
#[derive(Debug, Clone, Default)]
pub struct WaitGraph {
    /// What is waited on or held, most waiters first.
    pub resources: Vec<Waited>,
    /// For each task the resources it waits on, each once.
    pub waits: Vec<Vec<usize>>,
    /// Deadlocks, those of most tasks first.
    pub deadlocks: Vec<Deadlock>,
    places: HashMap<(Family, u64), usize>,
    /// For each task the first resource it waits on that somebody is known to hold.
    held: Vec<Option<usize>>,
}

/// Something tasks wait on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waited {
    /// What it is, as the one that knows it best says.
    pub resource: Resource,
    /// Tasks that wait on it.
    pub waiters: Vec<usize>,
    /// Tasks that hold it: saved guards say so. For a `JoinHandle` the task itself.
    pub holders: Vec<usize>,
}

/// Tasks that wait for each other, and for nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlock {
    /// A shortest ring: each task waits on the resource beside it, which the next task holds; the
    /// last one's is held by the first.
    pub ring: Vec<(usize, usize)>,
    /// Further tasks that are on rings with these.
    pub also: Vec<usize>,
    /// Tasks that wait for any of these, directly or through others, and cannot go on either.
    pub behind: Vec<usize>,
}

/// What makes two resources the same: a lock's waiter and its guard may know it by different kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Family {
    Task,
    Lock,
    Notify,
    Channel,
    Barrier,
    Io,
}

/// The family of what several tasks can wait on; `None` for what each has for itself.
fn family(kind: ResourceKind) -> Option<Family> {
    use ResourceKind as Kind;
    match kind {
        Kind::Task | Kind::BlockingTask => Some(Family::Task),
        // Who initializes a cell has the permit of a semaphore.
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
    /// The graph of all tasks.
    pub fn new(tasks: &Tasks) -> WaitGraph {
        let mut builder = Builder::default();
        for (index, task) in tasks.tasks.iter().enumerate() {
            builder.task(index, task);
        }
        builder.join_handles(tasks);
        let Builder { resources, places, waits, closed } = builder;
        let mut graph = WaitGraph { resources, waits, deadlocks: Vec::new(), places, held: Vec::new() };
        let stuck = graph.stuck(closed);
        graph.deadlocks = graph.rings(&stuck);
        graph.sort();
        let is_held = |resource: &usize| !graph.resources[*resource].holders.is_empty();
        graph.held = graph.waits.iter().map(|waits| waits.iter().copied().find(is_held)).collect();
        graph
    }

    /// The first resource a task waits on that somebody is known to hold.
    pub fn held(&self, task: usize) -> Option<usize> {
        self.held.get(task).copied().flatten()
    }

    /// From a task to what it waits on, to who holds that, and on: until nobody is known to hold it,
    /// or a task comes again.
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

    /// The resource a task's leaf waits on, by what the leaf says.
    pub fn find(&self, resource: &Resource) -> Option<&Waited> {
        self.places.get(&key(resource)?).map(|place| &self.resources[*place])
    }

    /// Which tasks can never go on: those of `closed` but for those that wait on something which a
    /// task that can go on will give back. `closed` are the tasks with no way out of their own.
    fn stuck(&self, closed: Vec<bool>) -> Vec<bool> {
        let mut stuck = closed;
        let mut holds: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut stuck_holders: Vec<usize> = Vec::with_capacity(self.resources.len());
        for (index, waited) in self.resources.iter().enumerate() {
            stuck_holders.push(waited.holders.iter().filter(|holder| stuck[**holder]).count());
            for holder in &waited.holders {
                holds.entry(*holder).or_default().push(index);
            }
        }
        let mut free: Vec<usize> = Vec::new();
        let open = |resource: usize, stuck_holders: &[usize]| {
            let waited = &self.resources[resource];
            match waited.resource.kind {
                // All who seem to hold it must be stuck: a guard that was dropped may lie about still.
                ResourceKind::Mutex | ResourceKind::Task => {
                    waited.holders.is_empty() || stuck_holders[resource] < waited.holders.len()
                }
                // A writer needs all readers gone; a reader, a writer or those a queued writer waits for.
                ResourceKind::RwLockRead | ResourceKind::RwLockWrite => stuck_holders[resource] == 0,
                _ => true,
            }
        };
        let mut queue: VecDeque<usize> =
            (0..self.resources.len()).filter(|resource| open(*resource, &stuck_holders)).collect();
        let mut opened: Vec<bool> = vec![false; self.resources.len()];
        while let Some(resource) = queue.pop_front() {
            if std::mem::replace(&mut opened[resource], true) {
                continue;
            }
            free.extend(&self.resources[resource].waiters);
            while let Some(task) = free.pop() {
                if !std::mem::replace(&mut stuck[task], false) {
                    continue;
                }
                for held in holds.get(&task).into_iter().flatten() {
                    stuck_holders[*held] -= 1;
                    if open(*held, &stuck_holders) {
                        queue.push_back(*held);
                    }
                }
            }
        }
        stuck
    }

    /// Most waiters first; what is held before what is not.
    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.resources.len()).collect();
        order.sort_by_key(|index| {
            let waited = &self.resources[*index];
            (std::cmp::Reverse(waited.waiters.len()), waited.holders.is_empty(), *index)
        });
        let mut place = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old] = new;
        }
        self.resources = order.iter().map(|old| self.resources[*old].clone()).collect();
        let places = self.waits.iter_mut().flatten();
        let rings = self.deadlocks.iter_mut().flat_map(|deadlock| &mut deadlock.ring);
        let places = places.chain(self.places.values_mut());
        places.chain(rings.map(|(_, resource)| resource)).for_each(|resource| *resource = place[*resource]);
    }
}

fn key(resource: &Resource) -> Option<(Family, u64)> {
    family(resource.kind).filter(|_| resource.avma != 0).map(|family| (family, resource.avma))
}

#[derive(Default)]
struct Builder {
    resources: Vec<Waited>,
    places: HashMap<(Family, u64), usize>,
    waits: Vec<Vec<usize>>,
    /// Whether a task waits for known resources only.
    closed: Vec<bool>,
}

impl Builder {
    fn task(&mut self, index: usize, task: &Task) {
        let mut waits = Vec::new();
        let mut closed = task.state == State::Idle && !task.is_cancelled;
        match &task.stack {
            AsyncStack::Decoded(node) => closed &= self.node(node, &mut waits),
            AsyncStack::Cut(node, _) => {
                self.node(node, &mut waits);
                closed = false;
            }
            _ => closed = false,
        }
        waits.sort_unstable();
        waits.dedup();
        for resource in &waits {
            self.resources[*resource].waiters.push(index);
        }
        self.closed.push(closed && !waits.is_empty());
        self.waits.push(waits);
        for held in &task.holds {
            if let Some(place) = self.place(held)
                && self.resources[place].holders.last() != Some(&index)
            {
                self.resources[place].holders.push(index);
            }
        }
    }

    /// Gathers what the leaves wait on; false when one may be woken by something else.
    fn node(&mut self, root: &Arc<Node>, waits: &mut Vec<usize>) -> bool {
        let mut closed = true;
        let mut looked_at = 0;
        let mut pending = vec![root];
        while let Some(node) = pending.pop() {
            looked_at += 1;
            if looked_at > MAX_NODES {
                return false;
            }
            match &node.waits_on {
                Some(resource) => match self.place(resource) {
                    Some(place) => waits.push(place),
                    None => closed = false,
                },
                None if node.children.is_empty() => closed = false,
                None => {}
            }
            closed &= node.children_left_out == 0;
            pending.extend(&node.children);
        }
        closed
    }

    fn place(&mut self, resource: &Resource) -> Option<usize> {
        let key = key(resource)?;
        let next = self.resources.len();
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            let (waiters, holders) = (Vec::new(), Vec::new());
            self.resources.push(Waited { resource: resource.clone(), waiters, holders });
        }
        let known = &mut self.resources[place].resource;
        // `Semaphore` is what a lock is while nobody knows better.
        if known.kind == ResourceKind::Semaphore {
            known.kind = resource.kind;
        }
        if known.detail.is_none() {
            known.detail.clone_from(&resource.detail);
        }
        Some(place)
    }

    /// What a `JoinHandle` waits for is given back by the task itself, when it ends.
    fn join_handles(&mut self, tasks: &Tasks) {
        for (index, task) in tasks.tasks.iter().enumerate() {
            if let Some(place) = self.places.get(&(Family::Task, task.header_avma)) {
                self.resources[*place].holders = vec![index];
            }
        }
    }
}
