//! Rings among tasks that can never continue: components, a shortest ring in each, and the tasks that wait
//! behind them.
//!
//! An edge goes from a task to a resource it waits on, and from there to a task that holds it. Resources are
//! nodes themselves: a lock with many waiters and many holders has the sum of both as edges, not one edge for
//! each pair. So the time is proportional to the number of waits and holds.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::graph::wait_graph::{Deadlock, WaitGraph};

/// Marks a node that is not in a component.
const NO_COMPONENT: usize = usize::MAX;

/// The part of a [`WaitGraph`] that is stuck: tasks first, then resources.
struct StuckGraph<'g> {
    graph: &'g WaitGraph,
    stuck: &'g [bool],
}

/// Components that contain a ring.
struct Components {
    /// The tasks of each component, ascending.
    tasks: Vec<Vec<usize>>,
    /// For each node the number of its component.
    of: Vec<usize>,
}

impl WaitGraph {
    /// The rings among tasks that are stuck.
    pub(super) fn rings(&self, stuck: &[bool]) -> Vec<Deadlock> {
        let ways = StuckGraph { graph: self, stuck };
        let components = ways.components();
        let mut behind = ways.behind(&components);
        let deadlock = |(number, members): (usize, &Vec<usize>)| {
            let ring = ways.shortest_ring(&components.of, number, members);
            let shown: HashSet<usize> = ring.iter().map(|(task, _)| *task).collect();
            let also = members.iter().copied().filter(|member| !shown.contains(member)).collect();
            Deadlock { ring, also, behind: std::mem::take(&mut behind[number]) }
        };
        let mut deadlocks: Vec<Deadlock> = components.tasks.iter().enumerate().map(deadlock).collect();
        deadlocks.sort_by_key(|deadlock| {
            std::cmp::Reverse(deadlock.ring.len() + deadlock.also.len() + deadlock.behind.len())
        });
        deadlocks
    }
}

impl<'g> StuckGraph<'g> {
    fn tasks(&self) -> usize {
        self.stuck.len()
    }

    /// The next nodes.
    fn next(&self, place: usize) -> impl Iterator<Item = usize> + use<'g> {
        let (graph, stuck, tasks) = (self.graph, self.stuck, self.tasks());
        let (waits, holders): (&[usize], &[usize]) = match place.checked_sub(tasks) {
            None => (&graph.waits[place], &[]),
            Some(resource) => (&[], &graph.resources[resource].holders),
        };
        let waits = waits.iter().map(move |resource| resource + tasks);
        waits.chain(holders.iter().copied().filter(move |holder| stuck[*holder]))
    }

    /// Strongly connected components that contain a ring, by Tarjan's algorithm without recursion: a chain of
    /// a hundred thousand tasks must not overflow the stack.
    fn components(&self) -> Components {
        const UNSEEN: usize = usize::MAX;
        let places = self.tasks() + self.graph.resources.len();
        let mut order = vec![UNSEEN; places];
        let mut low = vec![UNSEEN; places];
        let mut on_stack = vec![false; places];
        let mut found = Components { tasks: Vec::new(), of: vec![NO_COMPONENT; places] };
        let (mut stack, mut count) = (Vec::new(), 0);
        for root in (0..self.tasks()).filter(|task| self.stuck[*task]) {
            if order[root] != UNSEEN {
                continue;
            }
            let mut calls = vec![(root, self.next(root))];
            (order[root], low[root]) = (count, count);
            count += 1;
            stack.push(root);
            on_stack[root] = true;
            while let Some((place, successors)) = calls.last_mut() {
                let place = *place;
                match successors.next() {
                    Some(successor) if order[successor] == UNSEEN => {
                        (order[successor], low[successor]) = (count, count);
                        count += 1;
                        stack.push(successor);
                        on_stack[successor] = true;
                        calls.push((successor, self.next(successor)));
                    }
                    Some(successor) if on_stack[successor] => {
                        low[place] = low[place].min(order[successor]);
                    }
                    Some(_) => {}
                    None => {
                        calls.pop();
                        if let Some((caller, _)) = calls.last() {
                            low[*caller] = low[*caller].min(low[place]);
                        }
                        if low[place] == order[place] {
                            let begin = stack.iter().rposition(|member| *member == place).unwrap_or(0);
                            let members = stack.split_off(begin);
                            members.iter().for_each(|member| on_stack[*member] = false);
                            found.add(members, self.tasks());
                        }
                    }
                }
            }
        }
        found
    }

    /// A shortest path from the first member back to itself, within its component.
    fn shortest_ring(&self, of: &[usize], number: usize, members: &[usize]) -> Vec<(usize, usize)> {
        let first = members[0];
        let mut come_from: HashMap<usize, usize> = HashMap::new();
        let mut queue = VecDeque::from([first]);
        while let Some(place) = queue.pop_front() {
            for next in self.next(place).filter(|next| of[*next] == number) {
                come_from.entry(next).or_insert_with(|| {
                    queue.push_back(next);
                    place
                });
            }
            if come_from.contains_key(&first) {
                break;
            }
        }
        // Every second node is a resource.
        let mut ring = Vec::new();
        let mut task = first;
        while let Some(resource) = come_from.get(&task)
            && let Some(before) = come_from.get(resource)
        {
            ring.push((*before, resource - self.tasks()));
            task = *before;
            if task == first {
                break;
            }
        }
        ring.reverse();
        ring
    }

    /// For each component, the stuck tasks that are on no ring and wait for it, the nearest first. A task
    /// that waits for several components is listed with the nearest.
    fn behind(&self, components: &Components) -> Vec<Vec<usize>> {
        let mut holds: Vec<Vec<usize>> = vec![Vec::new(); self.tasks()];
        for (index, waited) in self.graph.resources.iter().enumerate() {
            for holder in waited.holders.iter().filter(|holder| self.stuck[**holder]) {
                holds[*holder].push(index);
            }
        }
        let mut behind = vec![Vec::new(); components.tasks.len()];
        let mut seen: Vec<bool> = components.of.iter().map(|number| *number != NO_COMPONENT).collect();
        let mut seen_resources = vec![false; self.graph.resources.len()];
        let members = components.tasks.iter().enumerate();
        let mut queue: VecDeque<(usize, usize)> =
            members.flat_map(|(number, members)| members.iter().map(move |task| (number, *task))).collect();
        while let Some((number, task)) = queue.pop_front() {
            for resource in &holds[task] {
                if std::mem::replace(&mut seen_resources[*resource], true) {
                    continue;
                }
                for waiter in &self.graph.resources[*resource].waiters {
                    if self.stuck[*waiter] && !std::mem::replace(&mut seen[*waiter], true) {
                        behind[number].push(*waiter);
                        queue.push_back((number, *waiter));
                    }
                }
            }
        }
        behind
    }
}

impl Components {
    /// Adds a component if it contains a ring: no task holds itself, so a ring has at least two nodes.
    fn add(&mut self, members: Vec<usize>, tasks: usize) {
        if members.len() < 2 {
            return;
        }
        for member in &members {
            self.of[*member] = self.tasks.len();
        }
        let mut members: Vec<usize> = members.into_iter().filter(|member| *member < tasks).collect();
        members.sort_unstable();
        self.tasks.push(members);
    }
}
