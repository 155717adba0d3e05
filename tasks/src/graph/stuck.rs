//! Finds the tasks that can never continue.

use std::collections::{HashMap, VecDeque};

use crate::graph::wait_graph::WaitGraph;
use crate::model::ResourceKind;

impl WaitGraph {
    /// Tasks that can never continue. `closed` marks tasks that wait only for known resources. Of these, a task
    /// can continue if it waits on a resource that a task which can continue will release.
    pub(super) fn stuck(&self, closed: Vec<bool>) -> Vec<bool> {
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
                // All apparent holders must be stuck: the memory of a dropped guard may still look like a
                // guard.
                ResourceKind::Mutex | ResourceKind::Task => {
                    waited.holders.is_empty() || stuck_holders[resource] < waited.holders.len()
                }
                // A writer needs all readers to finish; a reader needs a writer, or those that a queued
                // writer waits for, to finish.
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
}
