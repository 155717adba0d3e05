//! Threads and connections of a kind, with sums: a program has hundreds of each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::processes::{Connection, Thread};

/// Threads with one name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadGroup {
    /// Their name; `*` stands for numbers, as in `worker-*`.
    pub name: String,
    /// Their number.
    pub count: usize,
    /// Their CPU time.
    pub cpu: Duration,
}

/// Sockets of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionGroup {
    /// `:7000` for connections to this port of the process, `-> 10.0.0.7:5432` for connections to that peer.
    pub of: String,
    /// TCP state, or `UDP`.
    pub state: &'static str,
    /// Their number.
    pub count: usize,
}

/// The threads by name, the group with the most CPU time first.
pub fn thread_groups(threads: &[Thread]) -> Vec<ThreadGroup> {
    let mut groups: BTreeMap<String, Vec<&Thread>> = BTreeMap::new();
    for thread in threads {
        groups.entry(without_numbers(&thread.name)).or_default().push(thread);
    }
    let group = |(name, threads): (String, Vec<&Thread>)| ThreadGroup {
        // One thread keeps its whole name.
        name: if threads.len() == 1 { threads[0].name.clone() } else { name },
        count: threads.len(),
        cpu: threads.iter().map(|thread| thread.cpu).sum(),
    };
    let mut groups: Vec<ThreadGroup> = groups.into_iter().map(group).collect();
    groups.sort_by_key(|group| std::cmp::Reverse((group.cpu, group.count)));
    groups
}

/// `worker-*` for `worker-12`: each run of digits after another character.
pub(crate) fn without_numbers(name: &str) -> String {
    let mut kind = String::with_capacity(name.len());
    for character in name.chars() {
        match character.is_ascii_digit() && !kind.is_empty() {
            false => kind.push(character),
            true if kind.ends_with('*') => {}
            true => kind.push('*'),
        }
    }
    kind
}

/// The sockets by local port or peer, and state: listening ones first, then the largest group.
pub fn connection_groups(connections: &[Connection]) -> Vec<ConnectionGroup> {
    let is_listening = |connection: &&Connection| connection.state == "LISTEN";
    let ports: BTreeSet<u16> = connections.iter().filter(is_listening).map(|one| one.local.port()).collect();
    let mut groups: BTreeMap<(String, &'static str), usize> = BTreeMap::new();
    for connection in connections {
        let port = connection.local.port();
        let is_of_port = ports.contains(&port) || connection.remote.port() == 0;
        let of = if is_of_port { format!(":{port}") } else { format!("-> {}", connection.remote) };
        *groups.entry((of, connection.state)).or_default() += 1;
    }
    let group = |((of, state), count)| ConnectionGroup { of, state, count };
    let mut groups: Vec<ConnectionGroup> = groups.into_iter().map(group).collect();
    groups.sort_by_key(|group| (group.state != "LISTEN", std::cmp::Reverse(group.count)));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_with_one_name_are_a_group_and_numbers_do_not_part_them() {
        let thread = |tid: u32, name: &str, seconds| Thread {
            tid,
            name: name.to_owned(),
            state: 'S',
            cpu: Duration::from_secs(seconds),
        };
        let threads = [
            thread(1, "main", 1),
            thread(2, "io-1", 2),
            thread(3, "io-22", 3),
            thread(4, "7", 0),
            thread(5, "tls-3", 0),
        ];
        let groups = thread_groups(&threads);
        let shown: Vec<_> =
            groups.iter().map(|group| (&*group.name, group.count, group.cpu.as_secs())).collect();
        assert_eq!(shown, [("io-*", 2, 5), ("main", 1, 1), ("7", 1, 0), ("tls-3", 1, 0)]);
    }

    #[test]
    fn connections_to_a_port_of_the_process_are_a_group_and_so_are_those_to_a_peer() {
        let connection = |local: &str, remote: &str, state| match (local.parse(), remote.parse()) {
            (Ok(local), Ok(remote)) => Connection { local, remote, state },
            _ => unreachable!("they are addresses"),
        };
        let connections = [
            connection("10.0.0.1:7000", "10.0.0.9:1", "ESTABLISHED"),
            connection("10.0.0.1:7000", "10.0.0.9:2", "ESTABLISHED"),
            connection("10.0.0.1:4000", "10.0.0.7:5432", "ESTABLISHED"),
            connection("0.0.0.0:7000", "0.0.0.0:0", "LISTEN"),
        ];
        let groups = connection_groups(&connections);
        let shown: Vec<_> = groups.iter().map(|group| (&*group.of, group.state, group.count)).collect();
        let expected =
            [(":7000", "LISTEN", 1), (":7000", "ESTABLISHED", 2), ("-> 10.0.0.7:5432", "ESTABLISHED", 1)];
        assert_eq!(shown, expected);
    }
}
