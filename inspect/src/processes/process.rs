//! A Rust process and its agent's socket, as shown in the list.

use std::fmt;
use std::path::PathBuf;

use rgops_protocol::discovery::SocketName;
use rgops_protocol::reply::Known;

/// The result of [`super::list`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Listing {
    /// Ascending by pid.
    pub processes: Vec<RustProcess>,
    /// Processes with an unreadable executable, so that it is unknown whether they are Rust.
    pub unreadable: usize,
    /// Processes that could not be read in time, ascending: it is unknown whether they are Rust or have an
    /// agent.
    pub unanswered: Vec<u32>,
    /// Processes that were not read because others took all the time.
    pub not_asked: usize,
    /// Whether the list was made as root: then the system denies the unreadable ones to every user.
    pub as_root: bool,
}

/// A Rust process.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RustProcess {
    /// Process id in our pid namespace.
    pub pid: u32,
    /// Its parent; 0 when it has none.
    pub parent: Known<u32>,
    /// Its name from the kernel, completed from the executable's name where the kernel cut it to 15 bytes.
    /// The program can set it to anything.
    pub name: String,
    /// Effective user.
    pub uid: Known<u32>,
    /// Path of the executable in its own mount namespace, followed by ` (deleted)` when it was
    /// replaced or removed.
    pub path: Known<String>,
    /// The compiler; `None` for a program of another language that has loaded an agent. Known on Linux only.
    pub compiler: Known<Option<RustCompiler>>,
    /// Its agent, if it listens and can be reached.
    pub agent: Option<AgentSocket>,
    /// Traces of an agent that cannot be asked.
    pub lost_agent: Option<LostAgent>,
    /// Whether `RGOPS=off` in the environment of its start forbids an agent.
    pub(crate) is_switched_off: bool,
}

impl RustProcess {
    /// The rustc that made the executable, if known.
    pub fn rustc(&self) -> Option<&RustCompiler> {
        self.compiler.value().and_then(Option::as_ref)
    }

    /// Whether it is unknown if it has an agent.
    pub fn may_have_agent(&self) -> bool {
        self.agent.is_none()
            && self.lost_agent.as_ref().is_some_and(|lost| lost.because == LostBecause::Crowded)
    }

    /// Whether an agent listens in it, or may listen, whatever happened to its socket's file.
    pub(super) fn listens_or_may(&self) -> bool {
        let listens = |lost: &LostAgent| !matches!(lost.because, LostBecause::Silent | LostBecause::Forked);
        self.agent.is_some() || self.lost_agent.as_ref().is_some_and(listens)
    }

    /// Whether it belongs in the list. A program of another language is listed when it has an agent, because
    /// it then contains Rust. A program that only has traces of an agent, because the process replaced itself
    /// (execve), is not listed.
    #[cfg(target_os = "linux")]
    pub(super) fn is_listed(&self) -> bool {
        self.rustc().is_some() || self.listens_or_may()
    }
}

/// An agent that cannot be asked, or the traces of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostAgent {
    /// The path of its socket: ours where there is a file, otherwise as the process names it.
    pub path: PathBuf,
    /// Why it cannot be asked.
    pub because: LostBecause,
}

/// Why an agent cannot be asked although there are traces of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LostBecause {
    /// It listens, but the file of its socket was deleted.
    Deleted,
    /// The file of its socket exists, but no process listens.
    Silent,
    /// It listens, but the file at its socket's path is not a socket, or is behind a symbolic link.
    Replaced,
    /// It listens, but its socket belongs to this user, who is neither the process's user nor root.
    Foreign(u32),
    /// It listens, but the system denies access to its socket.
    Denied,
    /// An agent runs, but has no local socket: it listens on TCP only, or makes its socket again.
    NoSocket,
    /// It never had one: it was forked from a program that has or had an agent, and threads do not survive a fork.
    Forked,
    /// It is unknown whether it listens: other processes have too many sockets, or sockets with misleading
    /// names.
    Crowded,
}

impl fmt::Display for LostAgent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.because {
            LostBecause::Deleted => {
                write!(
                    formatter,
                    "its agent listens, but its socket file {path} was deleted (systemd-tmpfiles?)"
                )
            }
            LostBecause::Silent => write!(
                formatter,
                "no process listens at its socket {path} any more: the program replaced itself (execve) or closed \
                 the agent's descriptors after it called listen"
            ),
            LostBecause::Replaced => {
                write!(
                    formatter,
                    "the path of its socket, {path}, is not a socket or leads through a symbolic link"
                )
            }
            LostBecause::Foreign(uid) => {
                write!(
                    formatter,
                    "its socket {path} belongs to uid {uid}, which is neither the process's user nor root"
                )
            }
            LostBecause::Denied => {
                write!(formatter, "its socket {path} cannot be reached: Permission denied")
            }
            LostBecause::NoSocket => write!(
                formatter,
                "an agent runs in it, but has no local socket: it listens on TCP only, or its socket was removed"
            ),
            LostBecause::Forked => write!(
                formatter,
                "it has no agent: it was forked from a program that had one, and a fork has no threads but its own"
            ),
            LostBecause::Crowded => write!(
                formatter,
                "it is unknown whether an agent listens at {path}: this host has too many sockets to \
                 search, or sockets with misleading names"
            ),
        }
    }
}

impl LostAgent {
    /// How to fix it.
    pub fn fix(&self) -> &'static str {
        match self.because {
            LostBecause::Deleted | LostBecause::Replaced => {
                "a running agent recreates its socket within 2 s, but this one did not. If the process is stopped \
                 (`rgops PID` shows its state), continue it; otherwise restart it, or have it close its agent and \
                 call rgops_agent::listen"
            }
            LostBecause::Silent => {
                "the program that runs now has to call rgops_agent::listen itself; a daemon must call it after it \
                 closed its descriptors"
            }
            LostBecause::NoSocket => {
                "give HOST:PORT if it listens on TCP; otherwise try again: an agent makes its socket again within 2 s"
            }
            LostBecause::Forked => {
                "call rgops_agent::listen in the child, after fork; a daemon must call it after it went to the background"
            }
            LostBecause::Foreign(_) => {
                "if the program changed its user after it called rgops_agent::listen, call listen after that change; \
                 otherwise do not trust this socket"
            }
            LostBecause::Crowded => {
                "if the agent's socket is elsewhere, pass its path instead of the process; ss -xlp shows which processes have \
                 many sockets"
            }
            LostBecause::Denied => {
                "run rgops as the user that the program had when it called listen, or as root"
            }
        }
    }
}

/// Why a process does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Suspension {
    /// SIGSTOP or a signal like it stopped it.
    Stopped,
    /// A debugger or tracer holds it: this process, if known.
    Traced(Option<u32>),
    /// Its cgroup is frozen: the file that thaws it, and what has to be written there.
    Frozen(PathBuf, &'static str),
}

impl Suspension {
    /// What stopped it.
    pub fn why(&self) -> String {
        match self {
            Suspension::Stopped => {
                "it is stopped by a signal (SIGSTOP), so its agent cannot answer".to_owned()
            }
            Suspension::Traced(tracer) => {
                let tracer = tracer.map_or_else(String::new, |pid| format!(" (pid {pid})"));
                format!("it is stopped by a debugger{tracer}, so its agent cannot answer")
            }
            Suspension::Frozen(file, _) => {
                let group = file.parent().unwrap_or(file).display();
                format!("its cgroup {group} is frozen, so its agent cannot answer")
            }
        }
    }

    /// Its state, for the details of a process.
    pub fn state(&self) -> String {
        match self {
            Suspension::Stopped => "T (stopped by a signal; resume it with kill -CONT)".to_owned(),
            Suspension::Traced(None) => "t (stopped by a debugger)".to_owned(),
            Suspension::Traced(Some(pid)) => format!("t (stopped by a debugger, pid {pid})"),
            Suspension::Frozen(file, _) => format!("frozen by its cgroup ({})", file.display()),
        }
    }

    /// What lets it run again.
    pub fn fix(&self, pid: u32) -> String {
        match self {
            Suspension::Stopped => format!("let it run if it may: kill -CONT {pid}"),
            Suspension::Traced(_) => "continue it in the debugger, or detach that".to_owned(),
            Suspension::Frozen(file, thaw) => {
                let file = file.display();
                format!("thaw it if it may run: docker unpause, systemctl thaw, or: echo {thaw} > {file}")
            }
        }
    }
}

/// The socket of an agent on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentSocket {
    /// The path by which *we* reach it: the agent's own path, or one through `/proc/PID/root`.
    pub path: PathBuf,
    /// Pid in the agent's own pid namespace, and start time; its hello must repeat both.
    pub name: SocketName,
}

/// How an executable contains Rust.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RustCompiler {
    /// `1.95.0 (59807616e 2026-04-14)`: the output of `rustc -V` after its name.
    pub version: String,
    /// Whether `main` was not made by rustc: a C or C++ program that contains Rust.
    pub contains_only: bool,
}

impl RustCompiler {
    /// `1.95.0`, without commit and date.
    pub fn short_version(&self) -> &str {
        self.version.split(' ').next().unwrap_or(&self.version)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A process with an agent, or with the traces of one.
    pub(crate) fn process(pid: u32, agent: bool, lost: Option<LostBecause>) -> RustProcess {
        let path = PathBuf::from(format!("/run/rgops/{pid}-9.sock"));
        RustProcess {
            pid,
            parent: Known::Value(1),
            name: "shop".to_owned(),
            uid: Known::Value(0),
            path: Known::Value("/srv/shop".to_owned()),
            compiler: Known::Value(None),
            agent: agent.then(|| AgentSocket { path: path.clone(), name: SocketName { pid, start_time: 9 } }),
            lost_agent: lost.map(|because| LostAgent { path, because }),
            is_switched_off: false,
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_program_of_another_language_is_listed_when_an_agent_listens_or_may() {
        assert!(process(7, true, None).is_listed());
        let crowded = process(7, false, Some(LostBecause::Crowded));
        assert!(crowded.is_listed() && crowded.may_have_agent());
        let deleted = process(7, false, Some(LostBecause::Deleted));
        assert!(deleted.is_listed() && !deleted.may_have_agent());
        assert!(!process(7, false, Some(LostBecause::Silent)).is_listed());
        assert!(!process(7, false, None).is_listed());
    }
}
