//! Rings among tasks that can never go on: components, a shortest ring in each, and who waits behind.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{Deadlock, WaitGraph};

impl WaitGraph {
    /// The rings among tasks that are stuck.
    pub(super) fn rings(&self, stuck: &[bool]) -> Vec<Deadlock> {
        let components = self.components(stuck);
        let mut in_ring: Vec<bool> = vec![false; stuck.len()];
        for task in components.iter().flatten() {
            in_ring[*task] = true;
        }
        let mut deadlocks: Vec<Deadlock> = components
            .into_iter()
            .map(|members| {
                let ring = self.shortest_ring(&members);
                let shown: HashSet<usize> = ring.iter().map(|(task, _)| *task).collect();
                let also = members.iter().copied().filter(|member| !shown.contains(member)).collect();
                Deadlock { ring, also, behind: self.behind(&members, stuck, &in_ring) }
            })
            .collect();
        deadlocks.sort_by_key(|deadlock| {
            std::cmp::Reverse(deadlock.ring.len() + deadlock.also.len() + deadlock.behind.len())
        });
        deadlocks
    }

    /// Tasks a task waits for that are stuck, with the resource between.
    fn next<'a>(&'a self, task: usize, stuck: &'a [bool]) -> impl Iterator<Item = (usize, usize)> + 'a {
        self.waits[task].iter().flat_map(move |resource| {
            let holders = self.resources[*resource].holders.iter();
            holders.filter(|holder| stuck[**holder]).map(move |holder| (*resource, *holder))
        })
    }

    /// Strongly connected components that have a ring, by Tarjan's algorithm, without recursion: a
    /// chain of a hundred thousand tasks must not end in a stack overflow.
    fn components(&self, stuck: &[bool]) -> Vec<Vec<usize>> {
        const UNSEEN: usize = usize::MAX;
        let mut order = vec![UNSEEN; stuck.len()];
        let mut low = vec![UNSEEN; stuck.len()];
        let mut on_stack = vec![false; stuck.len()];
        let (mut stack, mut found, mut count) = (Vec::new(), Vec::new(), 0);
        for root in (0..stuck.len()).filter(|task| stuck[*task]) {
            if order[root] != UNSEEN {
                continue;
            }
            let mut calls = vec![(root, self.next(root, stuck))];
            (order[root], low[root]) = (count, count);
            count += 1;
            stack.push(root);
            on_stack[root] = true;
            while let Some((task, successors)) = calls.last_mut() {
                let task = *task;
                match successors.next() {
                    Some((_, successor)) if order[successor] == UNSEEN => {
                        (order[successor], low[successor]) = (count, count);
                        count += 1;
                        stack.push(successor);
                        on_stack[successor] = true;
                        calls.push((successor, self.next(successor, stuck)));
                    }
                    Some((_, successor)) if on_stack[successor] => {
                        low[task] = low[task].min(order[successor]);
                    }
                    Some(_) => {}
                    None => {
                        calls.pop();
                        if let Some((caller, _)) = calls.last() {
                            low[*caller] = low[*caller].min(low[task]);
                        }
                        if low[task] == order[task] {
                            let begin = stack.iter().rposition(|member| *member == task).unwrap_or(0);
                            let mut members = stack.split_off(begin);
                            members.iter().for_each(|member| on_stack[*member] = false);
                            members.sort_unstable();
                            let waits_for_itself =
                                || self.next(task, stuck).any(|(_, successor)| successor == task);
                            if members.len() > 1 || waits_for_itself() {
                                found.push(members);
                            }
                        }
                    }
                }
            }
        }
        found
    }

    /// A shortest way from the first member back to itself, within `members` (sorted).
    fn shortest_ring(&self, members: &[usize]) -> Vec<(usize, usize)> {
        let first = members[0];
        let mut come_from: HashMap<usize, (usize, usize)> = HashMap::new();
        let mut queue = VecDeque::from([first]);
        while let Some(task) = queue.pop_front() {
            for resource in &self.waits[task] {
                for holder in &self.resources[*resource].holders {
                    if members.binary_search(holder).is_err() || come_from.contains_key(holder) {
                        continue;
                    }
                    come_from.insert(*holder, (task, *resource));
                    queue.push_back(*holder);
                }
            }
            if come_from.contains_key(&first) {
                break;
            }
        }
        let mut ring = Vec::new();
        let mut task = first;
        while let Some((before, resource)) = come_from.get(&task) {
            ring.push((*before, *resource));
            task = *before;
            if task == first {
                break;
            }
        }
        ring.reverse();
        ring
    }

    /// Stuck tasks on no ring that wait for `members`, the nearest first.
    fn behind(&self, members: &[usize], stuck: &[bool], in_ring: &[bool]) -> Vec<usize> {
        let mut holds: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, waited) in self.resources.iter().enumerate() {
            for holder in waited.holders.iter().filter(|holder| stuck[**holder]) {
                holds.entry(*holder).or_default().push(index);
            }
        }
        let mut seen: Vec<bool> = in_ring.to_vec();
        let mut behind = Vec::new();
        let mut queue: VecDeque<usize> = members.iter().copied().collect();
        while let Some(task) = queue.pop_front() {
            let held = holds.get(&task).into_iter().flatten();
            for waiter in held.flat_map(|resource| &self.resources[*resource].waiters) {
                if stuck[*waiter] && !std::mem::replace(&mut seen[*waiter], true) {
                    behind.push(*waiter);
                    queue.push_back(*waiter);
                }
            }
        }
        behind
    }
}
