//! The TCP and UDP sockets of a process: the inodes of its descriptors, looked up in the tables of
//! its network namespace (proc_pid_net(5)).

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::details::Connection;
use super::procfs;

/// The sockets of a process: TCP, then UDP; listening ones first as the tables have them.
pub(super) fn connections(pid: u32) -> io::Result<Vec<Connection>> {
    let inodes = socket_inodes(pid)?;
    if inodes.is_empty() {
        return Ok(Vec::new());
    }
    let mut connections = Vec::new();
    for (table, is_tcp) in [("net/tcp", true), ("net/tcp6", true), ("net/udp", false), ("net/udp6", false)] {
        // A kernel without IPv6 has no tables for it.
        let Ok(text) = procfs::read(pid, table) else { continue };
        let lines = String::from_utf8_lossy(&text).into_owned();
        let entries = lines.lines().skip(1).filter_map(|line| entry(line, is_tcp));
        connections.extend(entries.filter(|(inode, _)| inodes.contains(inode)).map(|(_, entry)| entry));
    }
    Ok(connections)
}

fn socket_inodes(pid: u32) -> io::Result<HashSet<u64>> {
    let inode =
        |link: std::path::PathBuf| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"))?;
    Ok(descriptors.filter_map(|entry| inode(std::fs::read_link(entry.ok()?.path()).ok()?)).collect())
}

/// One line of a table: inode and socket.
fn entry(line: &str, is_tcp: bool) -> Option<(u64, Connection)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let state = if is_tcp { tcp_state(fields.get(3)?) } else { "UDP" };
    let connection = Connection { local: address(fields.get(1)?)?, remote: address(fields.get(2)?)?, state };
    Some((fields.get(9)?.parse().ok()?, connection))
}

/// `0100007F:1F90`: words of network-order bytes, printed as numbers of this machine's byte order.
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
        }
    }
}
