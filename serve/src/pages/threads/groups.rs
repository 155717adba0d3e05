//! Threads with the same name, state and stack are shown once.

use std::collections::HashMap;

use super::model::{Frame, Thread};

/// Threads that do the same.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// The first of them, which stands for all.
    pub(super) first: &'a Thread,
    /// Their ids.
    pub(super) tids: Vec<u32>,
    /// Their CPU time, if it is known of all.
    pub(super) cpu_ns: Option<f64>,
}

type Likeness<'a> = (String, &'a str, &'a str, &'a [Frame]);

/// The groups: running threads first, then the largest, those of the agent last.
pub(super) fn groups(threads: &[Thread]) -> Vec<Group<'_>> {
    let mut at: HashMap<Likeness<'_>, usize> = HashMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for thread in threads {
        let likeness: Likeness<'_> = (pattern(&thread.name), &thread.role, &thread.state, &thread.frames);
        let index = *at.entry(likeness).or_insert_with(|| {
            groups.push(Group { first: thread, tids: Vec::new(), cpu_ns: Some(0.0) });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(index) {
            group.tids.push(thread.tid);
            group.cpu_ns = group.cpu_ns.zip(thread.cpu_ns.value()).map(|(sum, ns)| sum + ns);
        }
    }
    let rank = |group: &Group<'_>| match (&*group.first.role, &*group.first.activity) {
        ("agent", _) => 2,
        (_, "idle") => 1,
        _ => 0,
    };
    groups.sort_by_key(|group| (rank(group), std::cmp::Reverse(group.tids.len()), group.first.tid));
    groups
}

/// The name without numbers: `worker-1` and `worker-2` are `worker-*`.
pub(super) fn pattern(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    let mut is_in_number = false;
    for character in name.chars() {
        match (character.is_ascii_digit(), is_in_number) {
            (true, true) => continue,
            (true, false) => pattern.push('*'),
            (false, _) => pattern.push(character),
        }
        is_in_number = character.is_ascii_digit();
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_do_the_same_are_one_group() {
        let thread = |tid, name: &str, activity: &str| Thread {
            tid,
            name: name.to_owned(),
            activity: activity.to_owned(),
            ..Thread::default()
        };
        let threads =
            [thread(1, "worker-1", "idle"), thread(2, "worker-12", "idle"), thread(3, "load", "running")];
        let groups = groups(&threads);
        let seen: Vec<_> = groups.iter().map(|group| (group.first.tid, group.tids.len())).collect();
        assert_eq!(seen, [(3, 1), (1, 2)]);
    }
}
