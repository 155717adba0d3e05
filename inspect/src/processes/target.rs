//! A resolved target: an agent to connect to.

use rgops_protocol::discovery::SocketName;

use super::address::is_loopback;
use super::host::{Requested, is_inside, local_pid};
use crate::budget::Budget;
use crate::client::{Client, ClientError, Endpoint, Timeouts};

/// The meaning of a target text.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Target {
    /// Where the agent listens.
    pub endpoint: Endpoint,
    /// The process in our own pid namespace, when it is on this host: symbols come from the
    /// files in its `/proc/PID`.
    pub local_pid: Option<u32>,
    /// Processes that could not be read in time during the search by name: they may have the same name.
    pub unseen: usize,
    pub(super) requested: Requested,
}

impl Target {
    /// Connects to its agent. The process that was found must be the one that listens. If the target did not
    /// name a process, takes it from the peer.
    ///
    /// # Errors
    /// As [`Client::connect`]; a process that ended or replaced itself is distinguished from a missing agent.
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
            ) => self.requested.fate(budget.deadline()).unwrap_or(error),
            _ => error,
        })?;
        match self.requested.has_its_pid() {
            true => Ok(client),
            false => Err(ClientError::Ended),
        }
    }

    /// Takes the local process from the peer: the listener of a local socket as the kernel reports it, or a
    /// process of this host at a loopback address. The agent's hello must agree.
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
