//! The parent of each process. The system reuses pids: a parent's pid may by now belong to a later process,
//! even to a descendant, and then parents form a ring.

use std::collections::{HashMap, HashSet};

use rgops_protocol::reply::Known;

use super::shown::Shown;

/// Removes parents that started later than their children, and one parent of each ring.
pub(super) fn without_later_parents(shown: &mut [Shown]) {
    let started: HashMap<u32, Option<u64>> =
        shown.iter().map(|shown| (shown.process.pid, shown.start_time)).collect();
    for child in &mut *shown {
        let parent = child.process.parent.value().and_then(|parent| started.get(parent).copied().flatten());
        if parent.zip(child.start_time).is_some_and(|(parent, child)| parent > child) {
            child.process.parent = ended();
        }
    }
    let parents: HashMap<u32, u32> =
        shown.iter().filter_map(|shown| Some((shown.process.pid, *shown.process.parent.value()?))).collect();
    let last = last_of_rings(shown.iter().map(|shown| shown.process.pid), &parents);
    for child in shown.iter_mut().filter(|child| last.contains(&child.process.pid)) {
        child.process.parent = ended();
    }
}

fn ended() -> Known<u32> {
    Known::unavailable("its parent ended, and another process now has that pid", "")
}

/// One pid of each ring.
fn last_of_rings(pids: impl Iterator<Item = u32>, parents: &HashMap<u32, u32>) -> HashSet<u32> {
    let (mut seen, mut last) = (HashSet::new(), HashSet::new());
    for pid in pids {
        let mut walked = HashSet::new();
        let mut at = pid;
        // Each pid is visited once.
        while seen.insert(at) {
            walked.insert(at);
            let Some(parent) = parents.get(&at).copied() else { break };
            if walked.contains(&parent) {
                last.insert(at);
            }
            at = parent;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_parent_of_a_ring_is_removed_and_chains_are_unchanged() {
        let rings = |parents: &[(u32, u32)]| {
            let map = parents.iter().copied().collect();
            let last = last_of_rings(parents.iter().map(|(pid, _)| *pid), &map);
            let mut last: Vec<u32> = last.into_iter().collect();
            last.sort_unstable();
            last
        };
        assert_eq!(rings(&[(1, 0), (2, 1), (3, 2), (4, 2)]), [0; 0]);
        assert_eq!(rings(&[(1, 1)]), [1]);
        // A chain that leads into a ring, and another ring.
        assert_eq!(rings(&[(1, 2), (2, 3), (3, 2), (7, 8), (8, 9), (9, 7)]), [3, 9]);
        let chain: Vec<(u32, u32)> = (1..100_000).map(|pid| (pid, pid - 1)).collect();
        assert_eq!(rings(&chain), [0; 0]);
    }
}
