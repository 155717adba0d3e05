//! Threads of a kind and their sums: a program may have hundreds.

use std::collections::BTreeMap;

use rgops_protocol::reply::Known;
use rgops_protocol::reply::stats::ThreadActivity;

use crate::report::info::without_numbers;

/// Threads with one name.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ActivityGroup<'r> {
    /// Their name; `*` stands for numbers, as in `worker-*`.
    pub name: String,
    /// The threads, the busiest first.
    pub threads: Vec<&'r ThreadActivity>,
    /// Their time on a CPU.
    pub running_ns: Known<u64>,
    /// Their time waiting for a CPU.
    pub runnable_ns: Known<u64>,
}

/// The threads by name, the group with the most demand for CPU first, then the largest.
pub fn activity_groups(threads: &[ThreadActivity]) -> Vec<ActivityGroup<'_>> {
    let mut groups: BTreeMap<(String, bool), Vec<&ThreadActivity>> = BTreeMap::new();
    for thread in threads {
        groups.entry((without_numbers(&thread.name), thread.is_agent)).or_default().push(thread);
    }
    let groups = groups.into_iter();
    let mut groups: Vec<ActivityGroup<'_>> =
        groups.map(|((name, _), threads)| group(name, threads)).collect();
    let demand = |group: &ActivityGroup<'_>| {
        group.threads.iter().fold(0_u64, |sum, thread| sum.saturating_add(demand_ns(thread)))
    };
    groups.sort_by_key(|group| {
        (std::cmp::Reverse((demand(group), group.threads.len())), group.threads.first().map(|one| one.tid))
    });
    groups
}

fn group(name: String, mut threads: Vec<&ThreadActivity>) -> ActivityGroup<'_> {
    threads.sort_by_key(|thread| (std::cmp::Reverse(demand_ns(thread)), thread.tid));
    ActivityGroup {
        // One thread keeps its whole name.
        name: if let [one] = threads.as_slice() { one.name.clone() } else { name },
        running_ns: sum(threads.iter().map(|thread| &thread.running_ns)),
        runnable_ns: sum(threads.iter().map(|thread| &thread.runnable_ns)),
        threads,
    }
}

/// Time on a CPU plus time waiting for a CPU.
pub(super) fn demand_ns(thread: &ThreadActivity) -> u64 {
    let time = |known: &Known<u64>| known.value().copied().unwrap_or(0);
    time(&thread.running_ns).saturating_add(time(&thread.runnable_ns))
}

/// The sum; not known if one of the numbers is not.
fn sum<'k>(mut numbers: impl Iterator<Item = &'k Known<u64>>) -> Known<u64> {
    let all = numbers.try_fold(0_u64, |sum, number| match number {
        Known::Value(number) => Ok(sum.saturating_add(*number)),
        Known::Unavailable(why) => Err(why.clone()),
    });
    all.map_or_else(Known::Unavailable, Known::Value)
}
