//! What a target text means: a pid, a unique process name, a socket path or `host:port`.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rgops_protocol::auth::Token;
use rgops_protocol::discovery::SocketName;

use super::listing::{list_until, look_at};
use super::process::{AgentSocket, LostAgent, LostBecause, RustProcess};
use crate::budget::Budget;
use crate::client::{Client, ClientError, Endpoint, Timeouts};

/// How long an agent may take to listen, or to make its socket's file anew.
const LOST_PATIENCE: Duration = Duration::from_secs(2);
const LOST_PAUSE: Duration = Duration::from_millis(20);

/// What a target text meant.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where to ask.
    pub endpoint: Endpoint,
    /// The process in our own pid namespace, when it is on this host: its `/proc/PID` has the
    /// files that symbols come from.
    pub local_pid: Option<u32>,
    /// Processes that could not be looked at in time while its name was looked for: they may have it, too.
    pub unseen: usize,
    asked: Asked,
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
        /// Processes that did not let themselves be looked at in time, or were not looked at because of those.
        unanswered: usize,
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
    /// There are traces of an agent in the process, and it cannot be asked.
    #[error("{lost}")]
    LostAgent {
        /// The process.
        pid: u32,
        /// Its name, from the process itself: to be escaped.
        name: String,
        /// Whether it is a Rust program.
        is_rust: bool,
        /// What is left of the agent.
        lost: LostAgent,
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
/// is used for addresses only. Processes are waited for until the deadline of `budget`, but not for long.
///
/// # Errors
/// [`ResolveError`], with everything needed to say what to do.
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
            asked: Asked::default(),
        });
    }
    let (pid, unseen) = match target.parse() {
        Ok(pid) => (pid, 0),
        Err(_) => by_name(target, deadline).map(|(process, unseen)| (process.pid, unseen))?,
    };
    // Before its socket is looked for: afterwards it may be another program.
    let asked = Asked::of(pid, deadline);
    let mut process = by_pid(pid, deadline).map_err(|error| match asked.fate_once_sure(deadline) {
        Some(ClientError::Ended) => ResolveError::NoSuchProcess { pid },
        _ => error,
    })?;
    if let Some(lost) = process.lost_agent.take()
        && process.agent.is_none()
    {
        // An agent that is about to listen, or to make its socket's file anew, is waited for.
        process = found_again(process, lost, deadline)?;
    }
    if process.agent.is_none() {
        process = settled(process, &asked, deadline)?;
    }
    agent_of(process, asked, deadline).map(|target| Target { unseen, ..target })
}

/// When what is lost is waited for no longer.
fn lost_until(deadline: Option<Instant>) -> Instant {
    let patient = Instant::now() + LOST_PATIENCE;
    deadline.map_or(patient, |deadline| deadline.min(patient))
}

/// A process without agent, unless that is because it ends, or becomes another program, this very moment:
/// then its files in `/proc` are empty for a while.
fn settled(
    process: RustProcess,
    asked: &Asked,
    deadline: Option<Instant>,
) -> Result<RustProcess, ResolveError> {
    let pid = process.pid;
    match asked.fate_once_sure(deadline) {
        None => Ok(process),
        Some(ClientError::Ended) => Err(ResolveError::NoSuchProcess { pid }),
        Some(_) => {
            let end = lost_until(deadline);
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

/// The process, after what it lacks had a moment to come.
fn found_again(
    process: RustProcess,
    lost: LostAgent,
    deadline: Option<Instant>,
) -> Result<RustProcess, ResolveError> {
    let end = lost_until(deadline);
    if lost.because == LostBecause::Silent {
        wait_for_binding(lost.path, deadline);
        return by_pid(process.pid, deadline);
    }
    let mut process = RustProcess { lost_agent: Some(lost), ..process };
    let may_come = |process: &RustProcess| {
        let lost = process.lost_agent.as_ref().map(|lost| lost.because);
        matches!(lost, Some(LostBecause::Deleted | LostBecause::Replaced))
    };
    while may_come(&process) && Instant::now() < end {
        std::thread::sleep(LOST_PAUSE);
        process = by_pid(process.pid, deadline)?;
    }
    Ok(process)
}

/// Finds the process a pid or unique name means, with or without an agent; and how many processes may have that
/// name, too.
///
/// # Errors
/// As [`resolve`], but for [`ResolveError::NoAgent`].
pub(super) fn find(target: &str, deadline: Option<Instant>) -> Result<(RustProcess, usize), ResolveError> {
    match target.parse() {
        Ok(pid) => by_pid(pid, deadline).map(|process| (process, 0)),
        Err(_) => by_name(target, deadline),
    }
}

impl Target {
    /// Connects to its agent. The process that was found must be the one that listens; learns the
    /// process from who answers where the target did not name one.
    ///
    /// # Errors
    /// As [`Client::connect`]; that it ended or replaced itself is told from an agent that is not there.
    pub fn connect(&mut self, timeouts: Timeouts, budget: &Budget) -> Result<Client, ClientError> {
        let client = self.connect_again(timeouts, budget)?;
        self.identify(&client);
        Ok(client)
    }

    /// The same for a further connection.
    ///
    /// # Errors
    /// As [`Target::connect`].
    pub fn connect_again(&self, timeouts: Timeouts, budget: &Budget) -> Result<Client, ClientError> {
        let client = Client::connect_to(&self.endpoint, self.local_pid, timeouts, budget);
        let client = client.map_err(|error| match (&error, &self.endpoint) {
            (
                ClientError::NobodyListens { .. }
                | ClientError::HungUp
                | ClientError::Closed
                | ClientError::NotAnAgent,
                Endpoint::Local { .. },
            ) => self.asked.fate(budget.deadline()).unwrap_or(error),
            _ => error,
        })?;
        match self.asked.has_its_pid() {
            true => Ok(client),
            false => Err(ClientError::Ended),
        }
    }

    /// Learns the local process from who answered: the listener of a local socket, by the kernel's word,
    /// or a process of this host behind a loopback address. What the agent says of itself must agree.
    fn identify(&mut self, client: &Client) {
        let hello = client.hello();
        let name = SocketName { pid: hello.pid, start_time: hello.start_time };
        if self.local_pid.is_some() {
            return;
        }
        self.local_pid = match (&self.endpoint, client.peer_pid()) {
            (Endpoint::Local { .. }, Some(pid)) => Some(pid).filter(|pid| is_inside(*pid, name)),
            (Endpoint::Tcp { address, .. }, _) if is_loopback(address) => local_pid(name),
            _ => None,
        };
    }
}

fn by_pid(pid: u32, deadline: Option<Instant>) -> Result<RustProcess, ResolveError> {
    look_at(pid, deadline).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => match owner(pid) {
            uid if own_uid() == 0 || uid == Some(own_uid()) => ResolveError::Denied { pid },
            uid => ResolveError::OtherUser { pid, uid },
        },
        _ if !exists(pid) => ResolveError::NoSuchProcess { pid },
        // A kernel thread, or a zombie: it has no executable.
        io::ErrorKind::NotFound => no_agent(pid, String::new(), false, deadline),
        _ => ResolveError::System { target: pid.to_string(), error },
    })
}

fn by_name(name: &str, deadline: Option<Instant>) -> Result<(RustProcess, usize), ResolveError> {
    let listing =
        list_until(deadline).map_err(|error| ResolveError::System { target: name.to_owned(), error })?;
    let (unreadable, as_root) = (listing.unreadable, listing.as_root);
    let unanswered = listing.unanswered.len() + listing.not_asked;
    let named = listing.processes.into_iter().filter(|process| has_name(process, name)).collect();
    let stuck =
        listing.unanswered.into_iter().filter(|pid| comm(*pid).is_some_and(|comm| is_of(&comm, name)));
    match only(name, named, stuck.collect())? {
        Some(process) => Ok((process, unanswered)),
        None => Err(ResolveError::NoSuchName { name: name.to_owned(), unreadable, unanswered, as_root }),
    }
}

/// The one of those that have a name that is meant by it: the only one that has, or may have, an agent, or the
/// only one. Those that are `stuck` have the name as well, and nobody knows what else.
fn only(
    name: &str,
    mut named: Vec<RustProcess>,
    stuck: Vec<u32>,
) -> Result<Option<RustProcess>, ResolveError> {
    if named.iter().any(|process| process.agent.is_some()) {
        named.retain(RustProcess::listens_or_may);
    }
    if named.len() > 1 || !named.is_empty() && !stuck.is_empty() {
        let mut pids: Vec<u32> = named.iter().map(|process| process.pid).chain(stuck).collect();
        pids.sort_unstable();
        return Err(ResolveError::Ambiguous { name: name.to_owned(), pids });
    }
    Ok(named.pop())
}

/// Whether the kernel's name of a process, which it cuts to 15 bytes, is this one.
fn is_of(comm: &str, name: &str) -> bool {
    comm == name || comm.len() >= 15 && name.starts_with(comm)
}

/// A program may rename itself, so its executable's name counts, too.
fn has_name(process: &RustProcess, name: &str) -> bool {
    let path = process.path.strip_suffix(" (deleted)").unwrap_or(&process.path);
    process.name == name || Path::new(path).file_name().is_some_and(|file| file == name)
}

fn agent_of(process: RustProcess, asked: Asked, deadline: Option<Instant>) -> Result<Target, ResolveError> {
    // Whether it listens is seen by asking it; the kernel then says who does.
    let crowded = process.lost_agent.as_ref().filter(|lost| lost.because == LostBecause::Crowded);
    let crowded = crowded.and_then(|lost| unknown_agent(lost.path.clone(), deadline));
    match process.agent.or(crowded) {
        Some(agent) => {
            let endpoint = Endpoint::Local { path: agent.path, expected: Some(agent.name) };
            Ok(Target { endpoint, local_pid: Some(process.pid), unseen: 0, asked })
        }
        None if process.lost_agent.is_some() => {
            let RustProcess { pid, name, compiler, lost_agent, .. } = process;
            match lost_agent {
                Some(lost) => Err(ResolveError::LostAgent { pid, name, is_rust: compiler.is_some(), lost }),
                None => Err(no_agent(pid, name, compiler.is_some(), deadline)),
            }
        }
        None => Err(no_agent(process.pid, process.name, process.compiler.is_some(), deadline)),
    }
}

/// The socket at which an agent may listen, when there is one.
fn unknown_agent(path: PathBuf, deadline: Option<Instant>) -> Option<AgentSocket> {
    let name = SocketName::parse(path.file_name()?.to_str()?)?;
    metadata(&path, deadline).ok().filter(is_socket)?;
    Some(AgentSocket { path, name })
}

/// What a path names, without following a last link; its file system may be one that does not answer.
fn metadata(path: &Path, deadline: Option<Instant>) -> io::Result<Metadata> {
    let path = path.to_owned();
    let silent = || Err(io::Error::new(io::ErrorKind::TimedOut, "its file system did not answer in time"));
    ask(deadline, move || std::fs::symlink_metadata(path)).unwrap_or_else(silent)
}

fn no_agent(pid: u32, name: String, is_rust: bool, deadline: Option<Instant>) -> ResolveError {
    ResolveError::NoAgent { pid, name, is_rust, is_switched_off: is_switched_off(pid, deadline) }
}

fn socket(path: &Path, deadline: Option<Instant>) -> Result<Target, ResolveError> {
    let refuse = |why: String| ResolveError::NotASocket { path: path.to_owned(), why };
    let metadata = metadata(path, deadline).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ResolveError::SocketDenied { path: path.to_owned(), error, as_root: own_uid() == 0 }
        }
        io::ErrorKind::TimedOut => ResolveError::System { target: path.display().to_string(), error },
        _ => refuse(error.to_string()),
    })?;
    if !is_socket(&metadata) {
        return Err(refuse("it is no socket".to_owned()));
    }
    let expected = path.file_name().and_then(|file| SocketName::parse(file.to_str()?));
    let local_pid = expected.and_then(local_pid);
    let endpoint = Endpoint::Local { path: path.to_owned(), expected };
    let asked = local_pid.map(|pid| Asked::of(pid, deadline)).unwrap_or_default();
    Ok(Target { endpoint, local_pid, unseen: 0, asked })
}

#[cfg(unix)]
fn is_socket(metadata: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_socket(_: &Metadata) -> bool {
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

    use std::path::PathBuf;
    use std::time::Instant;

    use rgops_protocol::discovery::SocketName;

    use crate::client::ClientError;
    use crate::identity::{Fate, Identity};
    pub(super) use crate::processes::crowd::ask;
    use crate::processes::procfs::{StartEnvironment, Stat, Status};

    /// The process that was meant, as it was before its agent was looked for.
    #[derive(Debug, Clone, Default)]
    pub(super) struct Asked(Option<Identity>);

    impl Asked {
        pub(super) fn of(pid: u32, deadline: Option<Instant>) -> Asked {
            Asked(ask(deadline, move || Identity::of(pid)).and_then(Result::ok))
        }

        /// What became of it, when it is not what it was.
        pub(super) fn fate(&self, deadline: Option<Instant>) -> Option<ClientError> {
            let asked = self.0.clone()?;
            Asked::error(ask(deadline, move || asked.fate())?)
        }

        /// The same, without waiting for something that is not under way.
        pub(super) fn fate_once_sure(&self, deadline: Option<Instant>) -> Option<ClientError> {
            let asked = self.0.clone()?;
            Asked::error(ask(deadline, move || asked.fate_once_sure())?)
        }

        fn error(fate: Fate) -> Option<ClientError> {
            match fate {
                Fate::Ended => Some(ClientError::Ended),
                Fate::Replaced => Some(ClientError::Replaced),
                Fate::Lives => None,
            }
        }

        /// Whether the pid is not a later process'.
        pub(super) fn has_its_pid(&self) -> bool {
            let has = |asked: &Identity| {
                Stat::read(asked.pid()).is_ok_and(|now| now.start_time == asked.start_time())
            };
            self.0.as_ref().is_none_or(has)
        }
    }

    /// The process of our pid namespace that has this pid and start time.
    pub(super) fn local_pid(name: SocketName) -> Option<u32> {
        Stat::read(name.pid).is_ok_and(|stat| stat.start_time == name.start_time).then_some(name.pid)
    }

    /// Whether the process calls itself this, in its own pid namespace.
    pub(super) fn is_inside(pid: u32, name: SocketName) -> bool {
        Stat::read(pid).is_ok_and(|stat| stat.start_time == name.start_time)
            && Status::read(pid).is_ok_and(|status| status.inner_pid == name.pid)
    }

    pub(super) fn wait_for_binding(socket: PathBuf, deadline: Option<Instant>) {
        let _ = ask(deadline, move || {
            crate::client::local::wait_for_binding(&socket, super::LOST_PATIENCE);
        });
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

    /// The kernel's name of a process. This file of `/proc` never waits.
    pub(super) fn comm(pid: u32) -> Option<String> {
        Stat::read(pid).ok().map(|stat| stat.comm)
    }

    pub(super) fn is_switched_off(pid: u32, deadline: Option<Instant>) -> bool {
        let environment = ask(deadline, move || StartEnvironment::read(pid, 0));
        environment.and_then(Result::ok).is_some_and(|environment| environment.is_switched_off)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    //! Nothing is known of other processes here.

    use std::path::PathBuf;
    use std::time::Instant;

    use rgops_protocol::discovery::SocketName;

    use crate::client::ClientError;

    #[derive(Debug, Clone, Default)]
    pub(super) struct Asked;

    impl Asked {
        pub(super) fn of(_: u32, _: Option<Instant>) -> Asked {
            Asked
        }

        pub(super) fn fate(&self, _: Option<Instant>) -> Option<ClientError> {
            None
        }

        pub(super) fn fate_once_sure(&self, _: Option<Instant>) -> Option<ClientError> {
            None
        }

        pub(super) fn has_its_pid(&self) -> bool {
            true
        }
    }

    pub(super) fn local_pid(_: SocketName) -> Option<u32> {
        None
    }

    pub(super) fn is_inside(_: u32, _: SocketName) -> bool {
        false
    }

    pub(super) fn wait_for_binding(_: PathBuf, _: Option<Instant>) {}

    pub(super) fn own_uid() -> u32 {
        0
    }

    pub(super) fn exists(_: u32) -> bool {
        true
    }

    pub(super) fn owner(_: u32) -> Option<u32> {
        None
    }

    pub(super) fn comm(_: u32) -> Option<String> {
        None
    }

    #[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(super) fn ask<T>(_: Option<Instant>, work: impl FnOnce() -> T) -> Option<T> {
        Some(work())
    }

    pub(super) fn is_switched_off(_: u32, _: Option<Instant>) -> bool {
        false
    }
}

use system::{
    Asked, ask, comm, exists, is_inside, is_switched_off, local_pid, own_uid, owner, wait_for_binding,
};

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::budget;
    use crate::processes::process::tests::process;

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
    fn we_find_ourselves_by_name() {
        let name = std::env::current_exe().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        match find(&name, None) {
            Ok((process, _)) => assert_eq!(process.pid, std::process::id()),
            // Somebody else runs these tests at the same time.
            Err(ResolveError::Ambiguous { pids, .. }) => assert!(pids.contains(&std::process::id())),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_namesake_whose_agent_is_not_known_is_not_passed_over() {
        let agent = |pid| process(pid, true, None);
        let lost = |pid, because| process(pid, false, Some(because));
        let pid = |named, stuck| only("shop", named, stuck).map(|found| found.map(|process| process.pid));
        let is_ambiguous = |named, stuck, expected: &[u32]| matches!(only("shop", named, stuck), Err(ResolveError::Ambiguous { pids, .. }) if pids == expected);
        assert!(is_ambiguous(vec![lost(7, LostBecause::Crowded), agent(8)], vec![], &[7, 8]));
        // Its agent listens.
        assert!(is_ambiguous(vec![lost(7, LostBecause::Deleted), agent(8)], vec![], &[7, 8]));
        assert_eq!(pid(vec![lost(7, LostBecause::Silent), agent(8)], vec![]).unwrap(), Some(8));
        assert_eq!(pid(vec![process(7, false, None), agent(8)], vec![]).unwrap(), Some(8));
        assert_eq!(pid(vec![lost(7, LostBecause::Crowded)], vec![]).unwrap(), Some(7));
        // It has the name, and does not answer.
        assert!(is_ambiguous(vec![agent(8)], vec![5], &[5, 8]));
        assert_eq!(pid(vec![], vec![5]).unwrap(), None);
        assert!(is_of("shop", "shop") && is_of("a-rather-long-n", "a-rather-long-name"));
        assert!(!is_of("sho", "shop") && !is_of("shop", "shopping"));
    }

    #[test]
    fn nothing_is_waited_for_behind_the_deadline_of_the_command() {
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
