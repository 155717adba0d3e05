//! Where a process has its agent's socket: looked for in the directories the *process* would use,
//! through its own root, so that containers and private temporary directories need no setting.
//!
//! A socket counts only when its name has the process' id (in its own pid namespace) *and* start
//! time, and its owner is the process' user or root: a stale file or a used-again pid never counts.
//! Nothing is connected to and no signal is sent.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rgops_protocol::discovery::{DIRECTORY_VARIABLE, Environment, SocketName};

use super::process::AgentSocket;
use super::procfs::{self, StartEnvironment, Status};

/// Looks for agents; remembers what several processes share.
#[derive(Debug, Default)]
pub(super) struct AgentFinder {
    /// Paths of bound sockets by network namespace.
    bound: HashMap<u64, Vec<PathBuf>>,
}

impl AgentFinder {
    /// The agent of a process, if it has one.
    pub(super) fn find(&mut self, pid: u32, start_time: u64, status: &Status) -> Option<AgentSocket> {
        let name = SocketName { pid: status.inner_pid, start_time };
        let inner_uid = uid_inside(pid, status.euid);
        for directory in directories(pid, inner_uid) {
            if let Some(path) = socket_in(pid, &directory, name, status.euid) {
                return Some(AgentSocket { path, name });
            }
        }
        // Its author may have chosen the directory in code (`Options::directory`). The kernel knows
        // where a socket was bound, under the temporary name it had before it was renamed.
        let stem = format!("{}-{}", name.pid, name.start_time);
        let bound = self.bound.entry(network_namespace(pid)?).or_insert_with(|| bound_sockets(pid));
        bound
            .iter()
            .filter(|path| path.file_name().is_some_and(|file| file.to_string_lossy().contains(&stem)))
            .filter_map(|path| path.parent())
            .find_map(|directory| socket_in(pid, directory, name, status.euid))
            .map(|path| AgentSocket { path, name })
    }
}

/// The pids that have a socket in the directory our own environment names: a hint, to be checked.
pub(super) fn hinted_pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir(own_environment().directory()) else { return Vec::new() };
    entries.filter_map(|entry| Some(SocketName::parse(entry.ok()?.file_name().to_str()?)?.pid)).collect()
}

fn own_environment() -> Environment {
    Environment {
        rgops_dir: std::env::var_os(DIRECTORY_VARIABLE),
        xdg_runtime_dir: std::env::var_os("XDG_RUNTIME_DIR"),
        tmpdir: std::env::var_os("TMPDIR"),
        uid: rustix::process::geteuid().as_raw(),
    }
}

/// Where the process may have put its socket, most likely first, as the process names them.
fn directories(pid: u32, uid: u32) -> Vec<PathBuf> {
    let mut directories = Vec::with_capacity(5);
    if let Ok(environment) = StartEnvironment::read(pid, uid) {
        directories.push(environment.discovery.directory());
    }
    // `environ` shows the variables of the start; the program may have changed them since, and
    // another user's is not readable.
    directories.push(PathBuf::from(format!("/run/user/{uid}/rgops")));
    directories.push(Environment { uid, ..Environment::default() }.directory());
    directories.push(Environment { uid, ..own_environment() }.directory());
    let mut seen = Vec::new();
    directories.retain(|directory| {
        !seen.contains(directory) && {
            seen.push(directory.clone());
            true
        }
    });
    directories
}

/// The path by which we reach the socket `name` in `directory` of the process, if it is there.
fn socket_in(pid: u32, directory: &Path, name: SocketName, euid: u32) -> Option<PathBuf> {
    let own = directory.join(name.file_name());
    let through_root = match own.strip_prefix("/") {
        Ok(relative) => Path::new("/proc").join(pid.to_string()).join("root").join(relative),
        Err(_) => Path::new("/proc").join(pid.to_string()).join("cwd").join(&own),
    };
    let socket = |path: &Path| {
        let metadata = fs::symlink_metadata(path).ok()?;
        let is_trusted = metadata.file_type().is_socket() && [euid, 0].contains(&metadata.uid());
        is_trusted.then(|| (metadata.dev(), metadata.ino()))
    };
    match (socket(&own).filter(|_| own.is_absolute()), socket(&through_root)) {
        (Some(ours), Some(theirs)) if ours != theirs => Some(through_root),
        // The same file, or a process whose root we may not enter.
        (Some(_), _) => Some(own),
        (None, Some(_)) => Some(through_root),
        (None, None) => None,
    }
}

/// The number `outside` has in the process' user namespace (user_namespaces(7)): it is part of the
/// directory's name there.
fn uid_inside(pid: u32, outside: u32) -> u32 {
    let Ok(map) = procfs::read(pid, "uid_map") else { return outside };
    uid_mapped(&String::from_utf8_lossy(&map), outside).unwrap_or(outside)
}

fn uid_mapped(map: &str, outside: u32) -> Option<u32> {
    map.lines().find_map(|line| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<u32>);
        let (inside, start, count) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
        let offset = outside.checked_sub(start).filter(|offset| *offset < count)?;
        inside.checked_add(offset)
    })
}

fn network_namespace(pid: u32) -> Option<u64> {
    Some(fs::metadata(format!("/proc/{pid}/ns/net")).ok()?.ino())
}

/// Paths to which sockets of the process' network namespace were bound (proc_pid_net(5)).
fn bound_sockets(pid: u32) -> Vec<PathBuf> {
    let Ok(table) = procfs::read(pid, "net/unix") else { return Vec::new() };
    String::from_utf8_lossy(&table).lines().skip(1).filter_map(bound_path).map(PathBuf::from).collect()
}

/// The path behind the seven columns of a line; it may hold spaces, and abstract names begin with @.
fn bound_path(line: &str) -> Option<&str> {
    let mut rest = line;
    for _ in 0..7 {
        rest = rest.trim_start().split_once(' ')?.1;
    }
    let path = rest.trim_start();
    (!path.is_empty() && !path.starts_with('@')).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_bound_sockets_may_hold_spaces() {
        let line = "0000000000000000: 00000002 00000000 00010000 0001 01 27433 /run/a b/.7-9.sock.0a";
        assert_eq!(bound_path(line), Some("/run/a b/.7-9.sock.0a"));
        assert_eq!(bound_path("0000000000000000: 00000003 00000000 00000000 0001 03 34158"), None);
        assert_eq!(bound_path("0000000000000000: 00000002 00000000 00010000 0001 01 5 @abstract"), None);
    }

    #[test]
    fn users_are_mapped_as_user_namespaces_do() {
        let map = "         0     100000      65536\n";
        assert_eq!(uid_mapped(map, 100_000), Some(0));
        assert_eq!(uid_mapped(map, 101_000), Some(1000));
        assert_eq!(uid_mapped(map, 5), None);
        assert_eq!(uid_mapped("0 0 4294967295\n", 1000), Some(1000));
        assert_eq!(uid_mapped("garbage", 1000), None);
    }
}
