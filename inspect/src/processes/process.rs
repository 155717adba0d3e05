//! A Rust process and its agent's socket, as the list shows them.

use std::fmt;
use std::path::PathBuf;

use rgops_protocol::discovery::SocketName;
use rgops_protocol::reply::Known;

/// What [`super::list`] found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Listing {
    /// Ascending by pid.
    pub processes: Vec<RustProcess>,
    /// Processes whose executable we may not read, so whether they are Rust is unknown.
    pub unreadable: usize,
    /// Processes that did not let themselves be looked at in time, ascending: whether they are Rust, or have
    /// an agent, is not known.
    pub unanswered: Vec<u32>,
    /// Processes that were not looked at, because others took the time.
    pub not_asked: usize,
    /// Whether root looked: then the unreadable ones are not other users' but denied by the system.
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
    /// Its name: the kernel's, completed from the executable's where the kernel cut it to 15 bytes.
    /// The program can set it to anything.
    pub name: String,
    /// Effective user.
    pub uid: Known<u32>,
    /// Path of the executable in its own mount namespace, followed by ` (deleted)` when it was
    /// replaced or removed.
    pub path: Known<String>,
    /// The compiler; `None` for a program of another language that has loaded an agent. Known on Linux only.
    pub compiler: Known<Option<RustCompiler>>,
    /// Its agent, if it has one that listens and can be reached.
    pub agent: Option<AgentSocket>,
    /// What is left of its agent, when that is neither there nor has it never been.
    pub lost_agent: Option<LostAgent>,
    /// Whether `RGOPS=off` in the environment of its start forbids an agent.
    pub(crate) is_switched_off: bool,
}

impl RustProcess {
    /// The rustc that made the executable, as far as that is known.
    pub fn rustc(&self) -> Option<&RustCompiler> {
        self.compiler.value().and_then(Option::as_ref)
    }

    /// Whether it is not known whether it has an agent.
    pub fn may_have_agent(&self) -> bool {
        self.agent.is_none()
            && self.lost_agent.as_ref().is_some_and(|lost| lost.because == LostBecause::Crowded)
    }

    /// Whether an agent listens in it, or may, whatever became of its socket's file.
    pub(super) fn listens_or_may(&self) -> bool {
        let listens = |lost: &LostAgent| lost.because != LostBecause::Silent;
        self.agent.is_some() || self.lost_agent.as_ref().is_some_and(listens)
    }

    /// Whether it belongs in the list: another language's program has Rust in it when it has an agent. What left
    /// one behind to be another program has not.
    #[cfg(target_os = "linux")]
    pub(super) fn is_listed(&self) -> bool {
        self.rustc().is_some() || self.listens_or_may()
    }
}

/// An agent, or the rest of one, that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostAgent {
    /// Its socket's path: ours where there is a file, else the process'.
    pub path: PathBuf,
    /// What is wrong with it.
    pub because: LostBecause,
}

/// Why an agent cannot be asked although there are traces of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostBecause {
    /// It listens, and its socket's file is gone.
    Deleted,
    /// Its socket's file is there, and nobody listens.
    Silent,
    /// It listens, and what stands in its socket's place is no socket, or behind a link.
    Replaced,
    /// It listens, and its socket belongs to this user, who is neither the process' nor root.
    Foreign(u32),
    /// It listens, and the system does not let us reach its socket.
    Denied,
    /// Whether it listens is not known: others have too many sockets, or some with misleading names.
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
                "nobody listens at its socket {path} any more: the program replaced itself (execve), or closed \
                 the agent's descriptors, after it called listen"
            ),
            LostBecause::Replaced => {
                write!(
                    formatter,
                    "the place of its socket, {path}, has something else in it, or is behind a link"
                )
            }
            LostBecause::Foreign(uid) => {
                write!(formatter, "its socket {path} belongs to uid {uid}, neither its own user nor root")
            }
            LostBecause::Denied => {
                write!(formatter, "its socket {path} cannot be reached: Permission denied")
            }
            LostBecause::Crowded => write!(
                formatter,
                "whether it has an agent that listens at {path} is not known: this host has too many sockets to \
                 look through, or some with misleading names"
            ),
        }
    }
}

impl LostAgent {
    /// What mends it.
    pub fn fix(&self) -> &'static str {
        match self.because {
            LostBecause::Deleted | LostBecause::Replaced => {
                "a running agent makes its socket anew within 2 s, and was waited for. If the process is stopped \
                 (`rgops PID` shows its state), let it go on; else start it again, or have it close its agent and \
                 call rgops_agent::listen"
            }
            LostBecause::Silent => {
                "the program that runs now has to call rgops_agent::listen itself; a daemon calls it after it \
                 closed its descriptors"
            }
            LostBecause::Foreign(_) => {
                "if the program changed its user after it called rgops_agent::listen, have it call that afterwards; \
                 else do not trust this socket"
            }
            LostBecause::Crowded => {
                "if the agent's socket is elsewhere, give its path in place of the process; ss -xlp shows who has \
                 so many sockets"
            }
            LostBecause::Denied => "run rgops as the user the program was when it called listen, or as root",
        }
    }
}

/// The socket of an agent on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentSocket {
    /// A path by which *we* reach it: as the agent has it, or through `/proc/PID/root`.
    pub path: PathBuf,
    /// Process id, in the agent's own pid namespace, and start time, which its hello must repeat.
    pub name: SocketName,
}

/// How Rust comes into an executable.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RustCompiler {
    /// `1.95.0 (59807616e 2026-04-14)`: what `rustc -V` says behind its name.
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

    /// A process with an agent, or with what is left of it.
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
