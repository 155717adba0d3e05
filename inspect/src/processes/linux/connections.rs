//! The TCP and UDP sockets of a process: the inodes of its descriptors, found in the tables of its network
//! namespace (proc_pid_net(5)).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::io::{self, BufRead};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::processes::details::Connection;
use crate::procfs::{self, MAX_DESCRIPTORS, each_socket};

/// Time limit for all tables: the kernel writes a line for each socket of any process.
const LONGEST_READ: Duration = Duration::from_secs(4);
/// The same for the sockets of some descriptors, which only add to an answer.
const LONGEST_LOOK_UP: Duration = Duration::from_secs(1);

/// The sockets of a process: TCP, then UDP, in the order of the tables, which have listening ones first.
///
/// # Errors
/// When they are not readable, or too many to search.
pub(super) fn connections(pid: u32) -> io::Result<Vec<Connection>> {
    let inodes = socket_inodes(pid)?;
    if inodes.is_empty() {
        return Ok(Vec::new());
    }
    Ok(with_inodes(pid, &inodes, LONGEST_READ)?.into_iter().map(|(_, entry)| entry).collect())
}

/// The sockets of some descriptors of a process, as far as they can be read.
pub(in crate::processes) fn of_descriptors(
    pid: u32,
    descriptors: &BTreeSet<u32>,
) -> HashMap<u32, Connection> {
    let directory = procfs::directory(pid);
    let inode = |descriptor: &u32| {
        let socket = fs::read_link(format!("{directory}/fd/{descriptor}")).ok()?;
        Some((procfs::socket_inode(&socket)?, *descriptor))
    };
    // Copies of a descriptor have the same inode.
    let inodes: Vec<(u64, u32)> = descriptors.iter().filter_map(inode).collect();
    if inodes.is_empty() {
        return HashMap::new();
    }
    let wanted = inodes.iter().map(|(inode, _)| *inode).collect();
    let found = with_inodes(pid, &wanted, LONGEST_LOOK_UP).unwrap_or_default();
    let connections: HashMap<u64, Connection> = found.into_iter().collect();
    let of = |(inode, descriptor): &(u64, u32)| Some((*descriptor, *connections.get(inode)?));
    inodes.iter().filter_map(of).collect()
}

/// The sockets with these inodes, with their inodes.
fn with_inodes(pid: u32, inodes: &HashSet<u64>, longest: Duration) -> io::Result<Vec<(u64, Connection)>> {
    let deadline = Instant::now() + longest;
    let mut connections = Vec::new();
    for (table, is_tcp) in [("net/tcp", true), ("net/tcp6", true), ("net/udp", false), ("net/udp6", false)] {
        // A kernel without IPv6 does not have its tables.
        let Ok(lines) = procfs::open_living(pid, table) else { continue };
        add(lines, is_tcp, inodes, deadline, &mut connections)?;
    }
    Ok(connections)
}

/// Adds the sockets of a table that have one of the inodes.
fn add(
    table: impl BufRead,
    is_tcp: bool,
    inodes: &HashSet<u64>,
    deadline: Instant,
    connections: &mut Vec<(u64, Connection)>,
) -> io::Result<()> {
    let is_whole = procfs::each_line(table, deadline, |line| {
        let found = std::str::from_utf8(line).ok().and_then(|line| entry(line, is_tcp));
        connections.extend(found.filter(|(inode, _)| inodes.contains(inode)));
    })?;
    if is_whole {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "this host has too many sockets to search"))
}

fn socket_inodes(pid: u32) -> io::Result<HashSet<u64>> {
    let (mut inodes, mut left) = (HashSet::new(), MAX_DESCRIPTORS);
    let is_whole = each_socket(&format!("{}/fd", procfs::directory(pid)), &mut left, |inode, _| {
        inodes.insert(inode);
        ControlFlow::Continue(())
    })?;
    match is_whole {
        true => Ok(inodes),
        false => Err(io::Error::other("the process has too many descriptors to search")),
    }
}

/// One line of a table: inode and socket.
fn entry(line: &str, is_tcp: bool) -> Option<(u64, Connection)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let state = if is_tcp { tcp_state(fields.get(3)?) } else { "UDP" };
    let connection = Connection { local: address(fields.get(1)?)?, remote: address(fields.get(2)?)?, state };
    Some((fields.get(9)?.parse().ok()?, connection))
}

/// `0100007F:1F90`: words in network byte order, printed as numbers of this machine's byte order.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let word = |at: usize| Some(u32::from_str_radix(host.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let host = match host.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (part, at) in bytes.chunks_exact_mut(4).zip([0, 8, 16, 24]) {
                part.copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(host, u16::from_str_radix(port, 16).ok()?))
}

/// include/net/tcp_states.h
fn tcp_state(number: &str) -> &'static str {
    match number {
        "01" => "ESTABLISHED",
        "02" => "SYN_SENT",
        "03" => "SYN_RECV",
        "04" => "FIN_WAIT1",
        "05" => "FIN_WAIT2",
        "06" => "TIME_WAIT",
        "07" => "CLOSE",
        "08" => "CLOSE_WAIT",
        "09" => "LAST_ACK",
        "0A" => "LISTEN",
        "0B" => "CLOSING",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn our_own_sockets_are_found_in_both_families() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = std::net::TcpListener::bind(any) else { continue };
            let local = listener.local_addr().unwrap();
            let found = connections(std::process::id()).unwrap();
            let own = found.iter().find(|connection| connection.local == local).unwrap();
            assert_eq!(own.state, "LISTEN");
            let client = std::net::TcpStream::connect(local).unwrap();
            let found = connections(std::process::id()).unwrap();
            let own =
                found.iter().find(|connection| connection.local == client.local_addr().unwrap()).unwrap();
            assert_eq!((own.remote, own.state), (local, "ESTABLISHED"));
            let descriptor = client.as_raw_fd() as u32;
            let of = of_descriptors(std::process::id(), &[descriptor, u32::MAX].into());
            assert_eq!((of.len(), of[&descriptor]), (1, *own));
        }
    }
    const LINE: &str =
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 ";

    #[test]
    fn a_line_after_many_others_is_found() {
        let mut table = format!("{LINE}7 1\n").repeat(50_000);
        assert!(table.len() > 4 * 1024 * 1024);
        table.push_str(&format!("{LINE}8 1\n"));
        let (deadline, mut found) = (Instant::now() + Duration::from_secs(60), Vec::new());
        add(table.as_bytes(), true, &[8].into(), deadline, &mut found).unwrap();
        assert_eq!((found.len(), found[0].1.local.port(), found[0].1.state), (1, 8080, "LISTEN"));
    }

    #[test]
    fn an_endless_table_is_an_error() {
        let (deadline, mut found) = (Instant::now() + Duration::from_millis(50), Vec::new());
        let endless = io::BufReader::new(io::repeat(b'\n'));
        let error = add(endless, true, &[8].into(), deadline, &mut found).unwrap_err();
        assert_eq!(error.to_string(), "this host has too many sockets to search");
    }
}
