//! Tasks with the same future, state and stack are shown once.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::model::{Task, Tasks};

/// Tasks that do the same.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// The first of them, which stands for all.
    pub(super) first: &'a Task,
    /// All of them.
    pub(super) tasks: Vec<&'a Task>,
    /// Whether one is in a deadlock.
    pub(super) is_deadlocked: bool,
}

/// The groups: those in deadlocks first, then the largest.
pub(super) fn groups(tasks: &Tasks) -> Vec<Group<'_>> {
    let rings = tasks.deadlocks.iter();
    let deadlocked: HashSet<u64> = rings
        .flat_map(|deadlock| deadlock.ring.iter().map(|link| link.task).chain(deadlock.also.iter().copied()))
        .collect();
    let mut at: HashMap<_, usize> = HashMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for task in &tasks.tasks {
        let kind = task.waits_on.first().map(|resource| &*resource.kind);
        let is_deadlocked = deadlocked.contains(&task.id);
        let likeness = (&task.future, &*task.state, task.stack, kind, is_deadlocked, &*task.runtime);
        let index = *at.entry(likeness).or_insert_with(|| {
            groups.push(Group { first: task, tasks: Vec::new(), is_deadlocked });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(index) {
            group.tasks.push(task);
        }
    }
    groups.sort_by_key(|group| (!group.is_deadlocked, Reverse(group.tasks.len()), group.first.id));
    groups
}
