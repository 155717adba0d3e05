//! Remembers the requested process, so that a later process with the same pid is not mistaken for it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rgops_protocol::discovery::SocketName;

use crate::client::ClientError;
use crate::identity::{Fate, Identity};
use crate::processes::crowd::ask;
use crate::procfs::{Stat, Status};

/// The requested process, as it was before the search for its agent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked(Option<Identity>);

impl Asked {
    pub(crate) fn of(pid: u32, deadline: Option<Instant>) -> Asked {
        Asked(ask(deadline, move || Identity::of(pid)).and_then(Result::ok))
    }

    /// What happened to it, if it is no longer the same.
    pub(crate) fn fate(&self, deadline: Option<Instant>) -> Option<ClientError> {
        let asked = self.0.clone()?;
        Asked::error(ask(deadline, move || asked.fate())?)
    }

    /// The same, but waits only if the process is ending or being replaced.
    pub(crate) fn fate_once_sure(&self, deadline: Option<Instant>) -> Option<ClientError> {
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

    /// Whether the pid still belongs to it and not to a later process.
    pub(crate) fn has_its_pid(&self) -> bool {
        let has =
            |asked: &Identity| Stat::read(asked.pid()).is_ok_and(|now| now.start_time == asked.start_time());
        self.0.as_ref().is_none_or(has)
    }
}

/// The process of our pid namespace with this pid and start time.
pub(crate) fn local_pid(name: SocketName) -> Option<u32> {
    Stat::read(name.pid).is_ok_and(|stat| stat.start_time == name.start_time).then_some(name.pid)
}

/// Whether the process has this pid and start time in its own pid namespace.
pub(crate) fn is_inside(pid: u32, name: SocketName) -> bool {
    Stat::read(pid).is_ok_and(|stat| stat.start_time == name.start_time)
        && Status::read(pid).is_ok_and(|status| status.inner_pid == name.pid)
}

/// Waits until no agent is about to listen at this socket, at most for `patience`.
pub(crate) fn wait_for_binding(socket: PathBuf, patience: Duration, deadline: Option<Instant>) {
    let _ = ask(deadline, move || crate::client::local::wait_for_binding(&socket, patience));
}
