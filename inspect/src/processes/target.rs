//! What a target text means: a pid, a unique process name, a socket path or `host:port`.

use std::io;
use std::path::{Path, PathBuf};

use rgops_protocol::auth::Token;
use rgops_protocol::discovery::SocketName;
use rgops_protocol::hello::AgentHello;

use super::listing::{list, look_at};
use super::process::RustProcess;
use crate::client::Endpoint;

/// What a target text meant.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where to ask.
    pub endpoint: Endpoint,
    /// The process in our own pid namespace, when it is on this host: its `/proc/PID` has the
    /// files that symbols come from.
    pub local_pid: Option<u32>,
}

/// Why a target text means nothing that can be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// There is no process with this pid.
    #[error("there is no such process")]
    NoSuchProcess {
        /// The pid asked for.
        pid: u32,
    },
    /// No Rust process has this name.
    #[error("no Rust process has this name")]
    NoSuchName {
        /// The name asked for.
        name: String,
        /// Processes that could not be looked at.
        unreadable: usize,
        /// Whether we are root, so that nobody would see more.
        as_root: bool,
    },
    /// Several processes have this name.
    #[error("{} processes have this name: {}", pids.len(), joined(pids))]
    Ambiguous {
        /// The name asked for.
        name: String,
        /// All of them, ascending.
        pids: Vec<u32>,
    },
    /// The process has no agent.
    #[error("{}", if *is_rust { "it has no agent" } else { "it is no Rust program and has no agent" })]
    NoAgent {
        /// The process.
        pid: u32,
        /// Its name, from the process itself: to be escaped.
        name: String,
        /// Whether it is a Rust program.
        is_rust: bool,
        /// Whether it was started with `RGOPS=off`.
        is_switched_off: bool,
    },
    /// The process is another user's.
    #[error("it belongs to another user{}", uid.map(|uid| format!(" (uid {uid})")).unwrap_or_default())]
    OtherUser {
        /// The process.
        pid: u32,
        /// Whose, where that is known.
        uid: Option<u32>,
    },
    /// The system does not let us look at the process although it is ours, or we are root: it runs
    /// in another user namespace, or is hardened.
    #[error("the system denies access to it")]
    Denied {
        /// The process.
        pid: u32,
    },
    /// A path that we may not look at.
    #[error("{error}")]
    SocketDenied {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
        /// Whether we are root, who may not either.
        as_root: bool,
    },
    /// A path that is no socket.
    #[error("{why}")]
    NotASocket {
        /// The path.
        path: PathBuf,
        /// The system's reason, or that it is another kind of file.
        why: String,
    },
    /// The system does not tell.
    #[error("{error}")]
    System {
        /// What was asked for.
        target: String,
        /// The system's reason.
        error: io::Error,
    },
}

/// Finds the agent a target names: a pid, a unique process name, a socket path or `host:port`.
///
/// A text with a slash is a path; all digits, a pid; `HOST:PORT`, `[V6]:PORT` and `:PORT` (this
/// host) are addresses; the rest is a name, matched against processes with an agent first. `token`
/// is used for addresses only.
///
/// # Errors
/// [`ResolveError`], with everything needed to say what to do.
pub fn resolve(target: &str, token: Option<Token>) -> Result<Target, ResolveError> {
    if target.contains('/') {
        return socket(Path::new(target));
    }
    if let Some(address) = tcp_address(target) {
        return Ok(Target { endpoint: Endpoint::Tcp { address, token }, local_pid: None });
    }
    agent_of(find(target)?)
}

/// Finds the process a pid or unique name means, with or without an agent.
///
/// # Errors
/// As [`resolve`], but for [`ResolveError::NoAgent`].
pub(super) fn find(target: &str) -> Result<RustProcess, ResolveError> {
    match target.parse() {
        Ok(pid) => by_pid(pid),
        Err(_) => by_name(target),
    }
}

impl Target {
    /// Learns the local process from who answered, where the target did not name one: a loopback
    /// address whose agent is a process of this host. Pid and start time together name it for good.
    pub fn identify(&mut self, hello: &AgentHello) {
        let is_here = match &self.endpoint {
            Endpoint::Local { .. } => true,
            Endpoint::Tcp { address, .. } => is_loopback(address),
        };
        if is_here && self.local_pid.is_none() {
            self.local_pid = local_pid(SocketName { pid: hello.pid, start_time: hello.start_time });
        }
    }
}

fn by_pid(pid: u32) -> Result<RustProcess, ResolveError> {
    look_at(pid).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => match owner(pid) {
            uid if own_uid() == 0 || uid == Some(own_uid()) => ResolveError::Denied { pid },
            uid => ResolveError::OtherUser { pid, uid },
        },
        _ if !exists(pid) => ResolveError::NoSuchProcess { pid },
        // A kernel thread or a zombie: it has no executable.
        io::ErrorKind::NotFound => no_agent(pid, String::new(), false),
        _ => ResolveError::System { target: pid.to_string(), error },
    })
}

fn by_name(name: &str) -> Result<RustProcess, ResolveError> {
    let listing = list().map_err(|error| ResolveError::System { target: name.to_owned(), error })?;
    let (unreadable, as_root) = (listing.unreadable, listing.as_root);
    let mut named: Vec<RustProcess> =
        listing.processes.into_iter().filter(|process| has_name(process, name)).collect();
    if named.iter().any(|process| process.agent.is_some()) {
        named.retain(|process| process.agent.is_some());
    }
    match named.len() {
        0 => Err(ResolveError::NoSuchName { name: name.to_owned(), unreadable, as_root }),
        1 => Ok(named.remove(0)),
        _ => {
            let pids = named.iter().map(|process| process.pid).collect();
            Err(ResolveError::Ambiguous { name: name.to_owned(), pids })
        }
    }
}

/// A program may rename itself, so its executable's name counts, too.
fn has_name(process: &RustProcess, name: &str) -> bool {
    let path = process.path.strip_suffix(" (deleted)").unwrap_or(&process.path);
    process.name == name || Path::new(path).file_name().is_some_and(|file| file == name)
}

fn agent_of(process: RustProcess) -> Result<Target, ResolveError> {
    match process.agent {
        Some(agent) => Ok(Target {
            endpoint: Endpoint::Local { path: agent.path, expected: Some(agent.name) },
            local_pid: Some(process.pid),
        }),
        None => Err(no_agent(process.pid, process.name, process.compiler.is_some())),
    }
}

fn no_agent(pid: u32, name: String, is_rust: bool) -> ResolveError {
    ResolveError::NoAgent { pid, name, is_rust, is_switched_off: is_switched_off(pid) }
}

fn socket(path: &Path) -> Result<Target, ResolveError> {
    let refuse = |why: String| ResolveError::NotASocket { path: path.to_owned(), why };
    let metadata = std::fs::symlink_metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ResolveError::SocketDenied { path: path.to_owned(), error, as_root: own_uid() == 0 }
        }
        _ => refuse(error.to_string()),
    })?;
    if !is_socket(&metadata) {
        return Err(refuse("it is no socket".to_owned()));
    }
    let expected = path.file_name().and_then(|file| SocketName::parse(file.to_str()?));
    let local_pid = expected.and_then(local_pid);
    Ok(Target { endpoint: Endpoint::Local { path: path.to_owned(), expected }, local_pid })
}

#[cfg(unix)]
fn is_socket(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_socket(_: &std::fs::Metadata) -> bool {
    true
}

/// `host:port` with an empty host made local; `None` when the text is no address.
fn tcp_address(target: &str) -> Option<String> {
    let (host, port) = target.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    match host {
        "" => Some(format!("127.0.0.1:{port}")),
        // `::1:7777` is ambiguous: IPv6 needs brackets.
        host if host.contains(':') && !is_bracketed => None,
        host => Some(format!("{host}:{port}")),
    }
}

fn is_loopback(address: &str) -> bool {
    let Some((host, _)) = address.rsplit_once(':') else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn joined(pids: &[u32]) -> String {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    pids.join(", ")
}

#[cfg(target_os = "linux")]
mod system {
    //! What `/proc` knows of a pid.

    use rgops_protocol::discovery::SocketName;

    use crate::processes::procfs::{StartEnvironment, Stat, Status};

    /// The process of our pid namespace that has this pid and start time.
    pub(super) fn local_pid(name: SocketName) -> Option<u32> {
        Stat::read(name.pid).is_ok_and(|stat| stat.start_time == name.start_time).then_some(name.pid)
    }

    pub(super) fn own_uid() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    pub(super) fn exists(pid: u32) -> bool {
        Stat::read(pid).is_ok()
    }

    pub(super) fn owner(pid: u32) -> Option<u32> {
        Status::read(pid).ok().map(|status| status.euid)
    }

    pub(super) fn is_switched_off(pid: u32) -> bool {
        StartEnvironment::read(pid, 0).is_ok_and(|environment| environment.is_switched_off)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    //! Nothing is known of other processes here.

    use rgops_protocol::discovery::SocketName;

    pub(super) fn local_pid(_: SocketName) -> Option<u32> {
        None
    }

    pub(super) fn own_uid() -> u32 {
        0
    }

    pub(super) fn exists(_: u32) -> bool {
        true
    }

    pub(super) fn owner(_: u32) -> Option<u32> {
        None
    }

    pub(super) fn is_switched_off(_: u32) -> bool {
        false
    }
}

use system::{exists, is_switched_off, local_pid, own_uid, owner};

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn addresses_are_told_from_names() {
        assert_eq!(tcp_address("10.0.0.7:7777").unwrap(), "10.0.0.7:7777");
        assert_eq!(tcp_address("[::1]:7777").unwrap(), "[::1]:7777");
        assert_eq!(tcp_address(":7777").unwrap(), "127.0.0.1:7777");
        for other in ["4711", "shop", "a:b", "::1:7777", "shop:70000", "shop:"] {
            assert_eq!(tcp_address(other), None, "{other}");
        }
        assert!(is_loopback("[::1]:1") && is_loopback("127.0.0.9:1") && !is_loopback("10.0.0.1:1"));
    }

    #[test]
    fn a_process_without_agent_is_told_from_none() {
        let own = std::process::id();
        let error = resolve(&own.to_string(), None).unwrap_err();
        assert!(matches!(error, ResolveError::NoAgent { pid, is_rust: true, .. } if pid == own), "{error:?}");
        assert!(matches!(resolve("4194305", None), Err(ResolveError::NoSuchProcess { pid: 4194305 })));
        assert!(matches!(resolve("no-such-program", None), Err(ResolveError::NoSuchName { .. })));
        assert!(matches!(resolve("/etc/passwd", None), Err(ResolveError::NotASocket { .. })));
        assert!(matches!(resolve("/no/such", None), Err(ResolveError::NotASocket { .. })));
    }

    #[test]
    fn we_find_ourselves_by_name() {
        let name = std::env::current_exe().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(find(&name).unwrap().pid, std::process::id());
    }
}
