//! A program with an agent.

use rgops_inspect::client::ClientError;
use rgops_inspect::session::{Session, SessionError, SessionOptions};

/// A program with an agent, as the list of processes shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Program {
    /// Its pid in our pid namespace.
    pub pid: u32,
    /// When it started, in clock ticks since boot: with the pid it names the process for all time.
    pub start_time: u64,
    /// Its name. The program can set it to anything: escape it before it is shown.
    pub name: String,
}

impl Program {
    /// What stands for it in paths, as in `/p/ID/`: its pid, which is never ambiguous and needs no escapes. A unique name
    /// does, too.
    pub fn id(&self) -> String {
        self.pid.to_string()
    }

    /// A session with its agent.
    ///
    /// # Errors
    /// [`SessionError`]: it ended, also if another process has its pid now, or the agent refuses.
    pub fn session(&self, options: SessionOptions) -> Result<Session, SessionError> {
        let session = Session::connect_with(&self.id(), options)?;
        match session.start_time() == self.start_time {
            true => Ok(session),
            false => Err(SessionError::Client(ClientError::Ended)),
        }
    }
}
