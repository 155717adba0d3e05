//! Where a process has its agent's socket: looked for in the directories the *process* would use,
//! through its own root, so that containers and private temporary directories need no setting.
//!
//! A socket counts only when its name has the process' id (in its own pid namespace) *and* start
//! time, its owner is the process' user or root, and the kernel says that the process listens: a stale file or
//! a used-again pid never counts, and where the kernel's table is too long that is said. Nothing is connected
//! to and no signal is sent.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rgops_protocol::discovery::{DIRECTORY_VARIABLE, Environment, SocketName};

use super::unix_sockets::{Claims, Table};
use crate::client::local;
use crate::processes::process::{AgentSocket, LostAgent, LostBecause};
use crate::procfs::{self, StartEnvironment, Status};

/// Files of the directory our own environment names that are looked at.
const MAX_HINTS: usize = 64 * 1024;

/// What was found of a process' agent.
#[derive(Debug)]
pub(super) enum Agent {
    Listens(AgentSocket),
    Lost(LostAgent),
    None,
}

/// The name an agent of this process would have.
pub(super) fn name_of(start_time: u64, status: &Status) -> SocketName {
    SocketName { pid: status.inner_pid, start_time }
}

/// The agent of a process, or what is left of it. `uid` is its user as itself sees it, `environment` that of its
/// start where it can be read; `table` has the sockets of its network namespace.
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
    // Its author may have chosen the directory in code (`Options::directory`): the kernel knows.
    directories.extend(claims.directories().map(Path::to_owned));
    let mut lost = Vec::new();
    for directory in &directories {
        match in_directory(pid, directory, name, status.euid(), &claims) {
            Agent::Listens(socket) => return Agent::Listens(socket),
            Agent::Lost(found) => lost.push(found),
            Agent::None => {}
        }
    }
    // A socket that listens tells more than a file that was left behind.
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

/// What there is of the agent in one directory of the process.
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
        // Of somebody else, and nothing of this process.
        _ if !(claims.has() && listens == Some(true)) => return Agent::None,
        found if found.is_socket => LostBecause::Foreign(found.uid),
        _ => LostBecause::Replaced,
    };
    Agent::Lost(LostAgent { path, because })
}

/// The pids that have a socket in the directory our own environment names: a hint, to be checked.
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

/// Where the process may have put its socket, most likely first, as the process names them.
fn directories(uid: u32, environment: Option<&StartEnvironment>) -> Vec<PathBuf> {
    let mut directories = Vec::with_capacity(5);
    directories.extend(environment.map(|environment| environment.discovery.directory()));
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

/// The path by which we reach what is called `name` in `directory` of the process, and what that is. An
/// error has the path that cannot be looked at.
fn socket_in(
    pid: u32,
    directory: &Path,
    name: SocketName,
) -> Result<Option<(PathBuf, local::Found)>, (PathBuf, LostBecause)> {
    let own = directory.join(name.file_name());
    let process = Path::new("/proc").join(pid.to_string());
    let through_root = match own.strip_prefix("/") {
        Ok(relative) => process.join("root").join(relative),
        Err(_) => process.join("cwd").join(&own),
    };
    let theirs = local::look_at(&through_root);
    // Where we may not enter its root, it is mostly ours as well.
    let ours = if own.is_absolute() { local::look_at(&own) } else { Err(io::ErrorKind::NotFound.into()) };
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

/// The number `outside` has in the process' user namespace (user_namespaces(7)): it is part of the
/// directory's name there.
pub(super) fn uid_inside(pid: u32, outside: u32) -> u32 {
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

#[cfg(test)]
mod tests {
    use super::*;

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
