//! Resolves a target text: a pid, a unique process name, a socket path or `host:port`.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rgops_protocol::auth::Token;
use rgops_protocol::discovery::SocketName;

use super::address::tcp_address;
use super::blocking;
use super::find::{by_name, by_pid, is_root};
use super::host::{Requested, local_pid, other_namespace, suspended_agent, wait_for_binding, zombie_parent};
use super::process::{AgentSocket, LostAgent, LostBecause, RustProcess};
use super::resolve_error::ResolveError;
use super::target::Target;
use crate::budget::Budget;
use crate::client::{ClientError, Endpoint};

/// Time that an agent may take to listen, or to recreate the file of its socket.
const LOST_TIMEOUT: Duration = Duration::from_secs(2);
const LOST_PAUSE: Duration = Duration::from_millis(20);

/// Finds the agent a target names: a pid, a unique process name, a socket path or `host:port`.
///
/// A text with a slash is a path; all digits, a pid; `HOST:PORT`, `[V6]:PORT` and `:PORT` (this host) are
/// addresses; any other text is a name, matched against processes with an agent first. `token` is used for
/// addresses only. Waits for processes at most until the deadline of `budget`, and not for long.
///
/// # Errors
/// [`ResolveError`], with everything needed to describe the fix.
pub fn resolve(target: &str, token: Option<Token>, budget: &Budget) -> Result<Target, ResolveError> {
    let deadline = budget.deadline();
    if target.contains('/') {
        return socket(Path::new(target), deadline);
    }
    if let Some(address) = tcp_address(target) {
        return Ok(Target {
            endpoint: Endpoint::Tcp { address, token },
            local_pid: None,
            unseen: 0,
            requested: Requested::default(),
        });
    }
    let (pid, unseen) = match target.parse() {
        Ok(pid) => (pid, 0),
        Err(_) => by_name(target, deadline).map(|(process, unseen)| (process.pid, unseen))?,
    };
    // Read before the search for its socket: afterwards the process may run another program.
    let requested = Requested::of(pid, deadline);
    let mut process = by_pid(pid, deadline).map_err(|error| match requested.fate_once_sure(deadline) {
        Some(ClientError::Ended) => ended(pid),
        _ => error,
    })?;
    if let Some(suspension) = suspended_agent(pid) {
        return Err(ResolveError::Suspended { pid, name: process.name, suspension });
    }
    if process.agent.is_some()
        && let Some(error) = other_namespace(pid)
    {
        return Err(error);
    }
    if let Some(lost) = process.lost_agent.take()
        && process.agent.is_none()
    {
        // Waits for an agent that is about to listen, or to recreate the file of its socket.
        process = wait_for_agent(process, lost, deadline)?;
    }
    if process.agent.is_none() {
        process = wait_until_settled(process, &requested, deadline)?;
    }
    agent_of(process, requested, deadline).map(|target| Target { unseen, ..target })
}

/// The error for a process that has ended.
fn ended(pid: u32) -> ResolveError {
    match zombie_parent(pid) {
        Some(parent) => ResolveError::Zombie { pid, parent },
        None => ResolveError::NoSuchProcess { pid },
    }
}

/// The deadline for the wait for a missing agent.
fn wait_deadline(deadline: Option<Instant>) -> Instant {
    let limit = Instant::now() + LOST_TIMEOUT;
    deadline.map_or(limit, |deadline| deadline.min(limit))
}

/// A process without an agent. If it is ending or being replaced at this moment, waits: its files in `/proc`
/// are empty for a while.
fn wait_until_settled(
    process: RustProcess,
    requested: &Requested,
    deadline: Option<Instant>,
) -> Result<RustProcess, ResolveError> {
    let pid = process.pid;
    match requested.fate_once_sure(deadline) {
        None => Ok(process),
        Some(ClientError::Ended) => Err(ended(pid)),
        Some(_) => {
            let end = wait_deadline(deadline);
            loop {
                let process = by_pid(pid, deadline)?;
                if process.agent.is_some() || process.lost_agent.is_some() || Instant::now() > end {
                    return Ok(process);
                }
                std::thread::sleep(LOST_PAUSE);
            }
        }
    }
}

/// The process, read again until its agent listens or recreated its socket, at most until the deadline.
fn wait_for_agent(
    process: RustProcess,
    lost: LostAgent,
    deadline: Option<Instant>,
) -> Result<RustProcess, ResolveError> {
    let end = wait_deadline(deadline);
    if lost.because == LostBecause::Silent {
        wait_for_binding(lost.path, LOST_TIMEOUT, deadline);
        return by_pid(process.pid, deadline);
    }
    let mut process = RustProcess { lost_agent: Some(lost), ..process };
    let may_return = |process: &RustProcess| {
        let lost = process.lost_agent.as_ref().map(|lost| lost.because);
        matches!(lost, Some(LostBecause::Deleted | LostBecause::Replaced | LostBecause::NoSocket))
    };
    while may_return(&process) && Instant::now() < end {
        std::thread::sleep(LOST_PAUSE);
        process = by_pid(process.pid, deadline)?;
    }
    Ok(process)
}

fn agent_of(
    process: RustProcess,
    requested: Requested,
    deadline: Option<Instant>,
) -> Result<Target, ResolveError> {
    // Asking it shows whether it listens; the kernel then reports which process does.
    let crowded = process.lost_agent.as_ref().filter(|lost| lost.because == LostBecause::Crowded);
    let crowded = crowded.and_then(|lost| unknown_agent(lost.path.clone(), deadline));
    let is_rust = process.rustc().is_some();
    match process.agent.or(crowded) {
        Some(agent) => {
            let endpoint = Endpoint::Local { path: agent.path, expected: Some(agent.name) };
            Ok(Target { endpoint, local_pid: Some(process.pid), unseen: 0, requested })
        }
        None if cfg!(not(target_os = "linux")) => {
            let why = "rgops agents run on Linux only";
            let error = io::Error::new(io::ErrorKind::Unsupported, why);
            Err(ResolveError::System { target: process.pid.to_string(), error })
        }
        None => {
            let RustProcess { pid, name, lost_agent, is_switched_off, .. } = process;
            Err(match lost_agent {
                Some(lost) => ResolveError::LostAgent { pid, name, is_rust, lost },
                None => ResolveError::NoAgent { pid, name, is_rust, is_switched_off },
            })
        }
    }
}

/// The socket at which an agent may listen, if it exists.
fn unknown_agent(path: PathBuf, deadline: Option<Instant>) -> Option<AgentSocket> {
    let name = SocketName::parse(path.file_name()?.to_str()?)?;
    metadata(&path, deadline).ok().filter(is_socket)?;
    Some(AgentSocket { path, name })
}

/// The metadata of a path, without following a symbolic link at its end; the file system may not answer.
fn metadata(path: &Path, deadline: Option<Instant>) -> io::Result<Metadata> {
    let path = path.to_owned();
    let silent = "its file system did not answer in time";
    blocking::try_run(deadline, silent, move || std::fs::symlink_metadata(path))
}

fn socket(path: &Path, deadline: Option<Instant>) -> Result<Target, ResolveError> {
    let refuse = |why: String| ResolveError::NotASocket { path: path.to_owned(), why };
    let metadata = metadata(path, deadline).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ResolveError::SocketDenied { path: path.to_owned(), error, as_root: is_root() }
        }
        io::ErrorKind::TimedOut => ResolveError::System { target: path.display().to_string(), error },
        _ => refuse(error.to_string()),
    })?;
    if !is_socket(&metadata) {
        return Err(refuse("it is not a socket".to_owned()));
    }
    let expected = path.file_name().and_then(|file| SocketName::parse(file.to_str()?));
    let local_pid = expected.and_then(local_pid);
    if let Some((pid, suspension)) = local_pid.and_then(|pid| Some((pid, suspended_agent(pid)?))) {
        return Err(ResolveError::Suspended { pid, name: String::new(), suspension });
    }
    let endpoint = Endpoint::Local { path: path.to_owned(), expected };
    let requested = local_pid.map(|pid| Requested::of(pid, deadline)).unwrap_or_default();
    Ok(Target { endpoint, local_pid, unseen: 0, requested })
}

#[cfg(unix)]
fn is_socket(metadata: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_socket(_: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::budget;

    #[test]
    fn a_process_without_agent_is_distinguished_from_no_process() {
        let (own, budget) = (std::process::id(), budget::standard());
        let error = resolve(&own.to_string(), None, &budget).unwrap_err();
        assert!(matches!(error, ResolveError::NoAgent { pid, is_rust: true, .. } if pid == own), "{error:?}");
        assert!(matches!(
            resolve("4194305", None, &budget),
            Err(ResolveError::NoSuchProcess { pid: 4194305 })
        ));
        assert!(matches!(resolve("no-such-program", None, &budget), Err(ResolveError::NoSuchName { .. })));
        assert!(matches!(resolve("/etc/passwd", None, &budget), Err(ResolveError::NotASocket { .. })));
        assert!(matches!(resolve("/no/such", None, &budget), Err(ResolveError::NotASocket { .. })));
    }

    #[test]
    fn resolving_ends_at_the_deadline_of_the_command() {
        let budget = budget::standard();
        budget.end_by(Instant::now());
        for target in [std::process::id().to_string(), "/etc/passwd".to_owned()] {
            let error = resolve(&target, None, &budget).unwrap_err();
            let ResolveError::System { error, .. } = error else { panic!("{error:?}") };
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
        let path = PathBuf::from("/run/rgops/7-9.sock");
        assert!(unknown_agent(path, budget.deadline()).is_none());
    }
}
