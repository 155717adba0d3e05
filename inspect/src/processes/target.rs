//! An agent that was found, to be connected to.

use rgops_protocol::discovery::SocketName;

use super::address::is_loopback;
use super::host::{Asked, is_inside, local_pid};
use crate::budget::Budget;
use crate::client::{Client, ClientError, Endpoint, Timeouts};

/// What a target text meant.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Target {
    /// Where to ask.
    pub endpoint: Endpoint,
    /// The process in our own pid namespace, when it is on this host: its `/proc/PID` has the
    /// files that symbols come from.
    pub local_pid: Option<u32>,
    /// Processes that could not be looked at in time while its name was looked for: they may have it, too.
    pub unseen: usize,
    pub(super) asked: Asked,
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
                ClientError::ConnectionRefused { .. }
                | ClientError::Disconnected
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
