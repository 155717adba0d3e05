//! Builds the graph from the tasks' stacks and from the guards saved in suspended functions.

use std::collections::HashMap;
use std::sync::Arc;

use crate::graph::wait_graph::{Family, WaitGraph, Waited, key};
use crate::model::{AsyncStack, Node, Resource, ResourceKind, State, Task, Tasks};

/// Maximum futures visited in one task; a task with more counts as able to continue.
const MAX_NODES: usize = 100_000;

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

    /// Most waiters first; held resources before others.
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

#[derive(Default)]
struct Builder {
    resources: Vec<Waited>,
    places: HashMap<(Family, u64), usize>,
    waits: Vec<Vec<usize>>,
    /// Whether a task waits only for known resources.
    closed: Vec<bool>,
}

impl Builder {
    fn task(&mut self, index: usize, task: &Task) {
        let mut waits = Vec::new();
        let mut closed = task.state == State::Idle && !task.is_cancelled && !task.goes_on;
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

    /// Collects the resources that the leaves wait on; `false` when another event may wake one of them.
    fn node(&mut self, root: &Arc<Node>, waits: &mut Vec<usize>) -> bool {
        let mut closed = true;
        let mut visited = 0;
        let mut pending = vec![root];
        while let Some(node) = pending.pop() {
            visited += 1;
            if visited > MAX_NODES {
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
        // `Semaphore` is the kind of a lock until a better kind is known.
        if known.kind == ResourceKind::Semaphore {
            known.kind = resource.kind;
        }
        if known.detail.is_none() {
            known.detail.clone_from(&resource.detail);
        }
        Some(place)
    }

    /// A task itself releases the `JoinHandle` resource, when it ends.
    fn join_handles(&mut self, tasks: &Tasks) {
        for (index, task) in tasks.tasks.iter().enumerate() {
            if let Some(place) = self.places.get(&(Family::Task, task.header_avma)) {
                self.resources[*place].holders = vec![index];
            }
        }
    }
}
