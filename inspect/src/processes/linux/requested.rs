//! Remembers the requested process, so that a later process with the same pid is not mistaken for it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rgops_protocol::discovery::SocketName;

use crate::client::ClientError;
use crate::identity::{Fate, Identity};
use crate::processes::blocking::run;
use crate::procfs::{Stat, Status};

/// The requested process, as it was before the search for its agent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requested(Option<Identity>);

impl Requested {
    pub(crate) fn of(pid: u32, deadline: Option<Instant>) -> Requested {
        Requested(run(deadline, move || Identity::of(pid)).and_then(Result::ok))
    }

    /// What happened to it, if it is no longer the same.
    pub(crate) fn fate(&self, deadline: Option<Instant>) -> Option<ClientError> {
        let requested = self.0.clone()?;
        Requested::error(run(deadline, move || requested.fate())?)
    }

    /// The same, but waits only if the process is ending or being replaced.
    pub(crate) fn fate_once_sure(&self, deadline: Option<Instant>) -> Option<ClientError> {
        let requested = self.0.clone()?;
        Requested::error(run(deadline, move || requested.fate_once_sure())?)
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
        let has = |requested: &Identity| {
            Stat::read(requested.pid()).is_ok_and(|now| now.start_time == requested.start_time())
        };
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

/// Waits until no agent is about to listen at this socket, at most for `timeout`.
pub(crate) fn wait_for_binding(socket: PathBuf, timeout: Duration, deadline: Option<Instant>) {
    let _ = run(deadline, move || crate::client::local::wait_for_binding(&socket, timeout));
}
