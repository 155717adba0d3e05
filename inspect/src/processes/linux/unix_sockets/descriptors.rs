//! Finds the sockets that a process has descriptors of. An agent has its own descriptor table, so its threads
//! are read first.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::io;
use std::iter;
use std::ops::ControlFlow;
use std::path::Path;

use crate::procfs::{self, MAX_DESCRIPTORS, each_socket};

/// Maximum sockets of a process that are kept.
const MAX_SOCKETS: usize = 64 * 1024;

/// The inodes in `wanted` that a process has descriptors of, up to the first table that has one; and whether all
/// its descriptors were read.
pub(super) fn held(pid: u32, wanted: &HashSet<u64>) -> io::Result<(HashSet<u64>, bool)> {
    let (mut found, mut left) = (HashSet::new(), MAX_DESCRIPTORS);
    for table in tables(pid)? {
        let read = each_socket(&table, &mut left, |inode, link| {
            if wanted.contains(&inode) && is_local(link) {
                found.insert(inode);
            }
            if found.len() < wanted.len() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        match read {
            _ if !found.is_empty() => return Ok((found, true)),
            // The thread ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(false) => return Ok((found, false)),
            read => {
                read?;
            }
        }
    }
    Ok((found, true))
}

/// The sockets of a process, its agent's first, and whether the list is complete.
pub(super) fn sockets(pid: u32) -> io::Result<(HashSet<u64>, bool)> {
    let (mut found, mut left) = (HashSet::new(), MAX_DESCRIPTORS);
    for table in tables(pid)? {
        let read = each_socket(&table, &mut left, |inode, _| {
            found.insert(inode);
            if found.len() < MAX_SOCKETS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(true) if found.len() < MAX_SOCKETS => {}
            Ok(_) => return Ok((found, false)),
            Err(error) => return Err(error),
        }
    }
    Ok((found, true))
}

/// The descriptor tables of a process: those of agent threads (by thread name), its own, and those of all
/// other threads. A name is read when its thread's turn comes: the first table is often enough.
fn tables(pid: u32) -> io::Result<impl Iterator<Item = String>> {
    let mut threads = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))?.take(MAX_SOCKETS) {
        let Some(thread) = thread?.file_name().to_str().and_then(|thread| thread.parse::<u32>().ok()) else {
            continue;
        };
        threads.push(thread);
    }
    let is_agents = move |thread: u32| {
        procfs::read(pid, &format!("task/{thread}/comm")).is_ok_and(|name| name.starts_with(b"rgops-"))
    };
    let (mut threads, mut others) = (threads.into_iter(), VecDeque::new());
    let mut own = Some(format!("/proc/{pid}/fd"));
    Ok(iter::from_fn(move || {
        let of = |thread: u32| format!("/proc/{pid}/task/{thread}/fd");
        for thread in threads.by_ref() {
            if is_agents(thread) {
                return Some(of(thread));
            }
            others.push_back(thread);
        }
        own.take().or_else(|| others.pop_front().map(of))
    }))
}

/// Whether a socket is a Unix socket; assumed where the kernel does not show the protocol.
fn is_local(link: &Path) -> bool {
    let mut protocol = [0; 64];
    match rustix::fs::getxattr(link, c"system.sockprotoname", &mut protocol) {
        Ok(length) => protocol.get(..length).is_none_or(|name| name.starts_with(b"UNIX")),
        Err(_) => true,
    }
}
