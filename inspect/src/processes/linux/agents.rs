//! Finds the socket of a process's agent: in the directories that the *process* would use, through its own
//! root, so that containers and private temporary directories need no setting.
//!
//! A socket counts only when its name contains the pid of the process (in its own pid namespace) *and* its
//! start time, its owner is the user of the process or root, and the kernel reports that the process listens.
//! So a stale file or a reused pid never counts; when the kernel's table is too long to read, that is
//! reported. This module does not connect and does not send signals.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rgops_protocol::discovery::{DIRECTORY_VARIABLE, Environment, SocketName};

use super::unix_sockets::{Claims, Table};
use crate::client::local;
use crate::processes::process::{AgentSocket, LostAgent, LostBecause};
use crate::procfs::{self, StartEnvironment, Status};

/// Maximum files read in the directory that our own environment names.
const MAX_HINTS: usize = 64 * 1024;

/// The result of the search for a process's agent.
#[derive(Debug)]
pub(super) enum Agent {
    Listens(AgentSocket),
    Lost(LostAgent),
    None,
}

/// The socket name of an agent in this process.
pub(super) fn name_of(start_time: u64, status: &Status) -> SocketName {
    SocketName { pid: status.inner_pid, start_time }
}

/// The agent of a process, or the traces of one. `uid` is its user in its own user namespace, `environment`
/// is that of its start where it is readable; `table` has the sockets of its network namespace.
pub(super) fn find(
    pid: u32,
    start_time: u64,
    status: &Status,
    uid: u32,
    environment: Option<&StartEnvironment>,
    table: &Table,
) -> Agent {
    let name = name_of(start_time, status);
    let claims = table.claims(pid, name);
    let mut directories = directories(uid, environment);
    // The program may have chosen the directory in code (`Options::directory`): the kernel knows it.
    directories.extend(claims.directories().map(Path::to_owned));
    let mut lost = Vec::new();
    for directory in &directories {
        match in_directory(pid, directory, name, status.euid(), &claims) {
            Agent::Listens(socket) => return Agent::Listens(socket),
            Agent::Lost(found) => lost.push(found),
            Agent::None => {}
        }
    }
    // A listening socket is better evidence than a stale file.
    let of_listening =
        |lost: &&LostAgent| !matches!(lost.because, LostBecause::Silent | LostBecause::Crowded);
    let nowhere = |because| {
        let directory = claims.directories().next().or(directories.first().map(PathBuf::as_path));
        let path = directory.unwrap_or(Path::new("")).join(name.file_name());
        Agent::Lost(LostAgent { path, because })
    };
    match lost.iter().find(of_listening) {
        Some(found) => Agent::Lost(found.clone()),
        None if claims.has() => nowhere(LostBecause::Deleted),
        None => match lost.into_iter().next() {
            Some(found) => Agent::Lost(found),
            None if claims.is_settled() => Agent::None,
            None => nowhere(LostBecause::Crowded),
        },
    }
}

/// The agent's traces in one directory of the process.
fn in_directory(pid: u32, directory: &Path, name: SocketName, euid: u32, claims: &Claims) -> Agent {
    let listens = claims.listens(directory);
    let (path, found) = match socket_in(pid, directory, name) {
        Ok(Some(found)) => found,
        Ok(None) => return Agent::None,
        Err((path, because)) if claims.has() && listens == Some(true) => {
            return Agent::Lost(LostAgent { path, because });
        }
        Err(_) => return Agent::None,
    };
    let because = match found {
        found if found.is_socket && [euid, 0].contains(&found.uid) => match listens {
            Some(true) => return Agent::Listens(AgentSocket { path, name }),
            Some(false) => LostBecause::Silent,
            None => LostBecause::Crowded,
        },
        // It belongs to another user and is not from this process.
        _ if !(claims.has() && listens == Some(true)) => return Agent::None,
        found if found.is_socket => LostBecause::Foreign(found.uid),
        _ => LostBecause::Replaced,
    };
    Agent::Lost(LostAgent { path, because })
}

/// The pids with a socket in the directory that our own environment names: a hint that is checked later.
pub(super) fn hinted_pids() -> HashSet<u32> {
    let Ok(entries) = fs::read_dir(own_environment().directory()) else { return HashSet::new() };
    let pid =
        |entry: io::Result<fs::DirEntry>| Some(SocketName::parse(entry.ok()?.file_name().to_str()?)?.pid);
    entries.take(MAX_HINTS).filter_map(pid).collect()
}

fn own_environment() -> Environment {
    Environment {
        rgops_dir: std::env::var_os(DIRECTORY_VARIABLE),
        xdg_runtime_dir: std::env::var_os("XDG_RUNTIME_DIR"),
        tmpdir: std::env::var_os("TMPDIR"),
        uid: rustix::process::geteuid().as_raw(),
    }
}

/// The directories in which the process may have put its socket, most likely first, as the process names
/// them.
fn directories(uid: u32, environment: Option<&StartEnvironment>) -> Vec<PathBuf> {
    let mut directories = Vec::with_capacity(5);
    directories.extend(environment.map(|environment| environment.discovery.directory()));
    // `environ` has the variables of the start; the program may have changed them since, and another user's
    // is not readable.
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

/// The path by which we reach the file `name` in `directory` of the process, and the file's metadata. An
/// error contains the path that cannot be read.
fn socket_in(
    pid: u32,
    directory: &Path,
    name: SocketName,
) -> Result<Option<(PathBuf, local::Found)>, (PathBuf, LostBecause)> {
    let own = directory.join(name.file_name());
    let process = PathBuf::from(procfs::directory(pid));
    let through_root = match own.strip_prefix("/") {
        Ok(relative) => process.join("root").join(relative),
        Err(_) => process.join("cwd").join(&own),
    };
    let theirs = local::metadata(&through_root);
    // Where we may not enter its root, the root is mostly the same as ours.
    let ours = if own.is_absolute() { local::metadata(&own) } else { Err(io::ErrorKind::NotFound.into()) };
    let is_denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) if ours.file == theirs.file => Ok(Some((own, ours))),
        (_, Ok(theirs)) => Ok(Some((through_root, theirs))),
        (Ok(ours), Err(error)) if is_denied(&error) => Ok(Some((own, ours))),
        (Err(error), _) if is_denied(&error) => Err((own, LostBecause::Denied)),
        (_, Err(error)) if error.kind() == io::ErrorKind::NotADirectory => Err((own, LostBecause::Replaced)),
        _ => Ok(None),
    }
}

/// The number of user `outside` in the process's user namespace (user_namespaces(7)): it is part of the
/// directory's name there.
pub(super) fn uid_inside(pid: u32, outside: u32) -> u32 {
    let Ok(map) = procfs::read(pid, "uid_map") else { return outside };
    uid_mapped(&String::from_utf8_lossy(&map), outside).unwrap_or(outside)
}

pub(super) fn uid_mapped(map: &str, outside: u32) -> Option<u32> {
    map.lines().find_map(|line| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<u32>);
        let (inside, start, count) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
        let offset = outside.checked_sub(start).filter(|offset| *offset < count)?;
        inside.checked_add(offset)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_mapped_like_in_user_namespaces() {
        let map = "         0     100000      65536\n";
        assert_eq!(uid_mapped(map, 100_000), Some(0));
        assert_eq!(uid_mapped(map, 101_000), Some(1000));
        assert_eq!(uid_mapped(map, 5), None);
        assert_eq!(uid_mapped("0 0 4294967295\n", 1000), Some(1000));
        assert_eq!(uid_mapped("garbage", 1000), None);
    }
}
