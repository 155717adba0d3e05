//! Limits of a session, and where files and secrets are.

use std::path::PathBuf;
use std::time::Duration;

use rgops_protocol::auth::Token;

use crate::budget::{self, Budget, DEFAULT_PROCESS_BYTES};
use crate::client::Timeouts;

/// Time for processing an answer, mainly for names and lines, in timeouts. The agent has one more.
const OWN_TIMEOUTS: u32 = 6;

/// Limits of a session, and where files and secrets are.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    pub(super) timeout: Duration,
    pub(super) max_memory: u64,
    pub(super) budget: Option<Budget>,
    pub(super) token: Option<Token>,
    pub(super) symbols: Vec<PathBuf>,
    pub(super) local_pid: Option<u32>,
}

impl Default for SessionOptions {
    fn default() -> SessionOptions {
        SessionOptions {
            timeout: Duration::from_secs(10),
            max_memory: DEFAULT_PROCESS_BYTES,
            budget: None,
            token: None,
            symbols: Vec::new(),
            local_pid: None,
        }
    }
}

impl SessionOptions {
    /// Time out after this long without data from the agent, 10 s by default. A whole command takes at most its own
    /// duration plus seven timeouts.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> SessionOptions {
        self.timeout = timeout;
        self
    }

    /// Memory limit of this process in bytes while it processes an answer, 1 GiB by default and at least 128 MiB.
    #[must_use]
    pub fn max_memory(mut self, bytes: u64) -> SessionOptions {
        self.max_memory = bytes;
        self
    }

    /// One budget for all commands of the session, instead of a new one for each. The session sets its deadline at
    /// the start of each command.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> SessionOptions {
        self.budget = Some(budget);
        self
    }

    /// The token of an agent that listens at `host:port`. See [`token_file`](crate::token_file) for one in a file.
    #[must_use]
    pub fn token(mut self, token: Option<Token>) -> SessionOptions {
        self.token = token;
        self
    }

    /// Additional directories with symbol and debug files.
    #[must_use]
    pub fn symbols(mut self, directories: impl IntoIterator<Item = PathBuf>) -> SessionOptions {
        self.symbols.extend(directories);
        self
    }

    /// The pid on this host whose `/proc/PID` has the program's files, if that cannot be detected: for example
    /// behind a port that is forwarded from another network namespace.
    #[must_use]
    pub fn local_pid(mut self, pid: u32) -> SessionOptions {
        self.local_pid = Some(pid);
        self
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        Timeouts { connect: self.timeout, silence: self.timeout }
    }

    pub(super) fn new_budget(&self) -> Budget {
        self.budget.clone().unwrap_or_else(|| budget::for_process(self.max_memory))
    }

    /// The time limit of a command that itself takes the time `asked`.
    pub(super) fn whole(&self, asked: Duration) -> Duration {
        asked.saturating_add(self.timeout.saturating_mul(1 + OWN_TIMEOUTS))
    }
}
