//! The session itself: finds the process, keeps its agent, and gives each command a connection of its own.

use std::time::{Duration, Instant};

use rgops_protocol::hello::AgentHello;
use rgops_protocol::request::Request;

use super::error::SessionError;
use super::options::SessionOptions;
use crate::budget::Budget;
use crate::client::{Answer, Client, ClientError, Stopper};
use crate::processes::{self, Target};

/// An agent closes a connection without a request after 5 s; an older one is not used.
const STILL_OPEN: Duration = Duration::from_secs(3);

/// A program that can be asked. A session serves one command at a time; each has a connection of its own, to the same
/// agent.
#[derive(Debug)]
pub struct Session {
    target: Target,
    options: SessionOptions,
    hello: AgentHello,
    stopper: Stopper,
    /// The connection that found the agent, until the first command takes it.
    first: Option<First>,
}

#[derive(Debug)]
struct First {
    client: Client,
    connected: Instant,
    /// What it was connected with, and when that began.
    budget: Budget,
    began: Instant,
}

/// A process that was found and is not connected to yet.
#[derive(Debug)]
pub struct Found {
    target: Target,
    options: SessionOptions,
    budget: Budget,
    began: Instant,
}

impl Session {
    /// Connects to the agent of a target: a pid, a unique process name, the path of a socket, or `host:port`.
    ///
    /// # Errors
    /// [`SessionError`]: there is no such process, it has no agent, or the agent refuses.
    pub fn connect(target: &str) -> Result<Session, SessionError> {
        Session::connect_with(target, SessionOptions::default())
    }

    /// As [`Session::connect`], with limits, a token or symbol directories.
    ///
    /// # Errors
    /// As [`Session::connect`].
    pub fn connect_with(target: &str, options: SessionOptions) -> Result<Session, SessionError> {
        Session::find(target, options)?.connect()
    }

    /// The first half of [`Session::connect_with`]: finds the process, and connects to nothing.
    ///
    /// # Errors
    /// [`SessionError::Resolve`].
    pub fn find(target: &str, options: SessionOptions) -> Result<Found, SessionError> {
        let (budget, began) = (options.new_budget(), Instant::now());
        end_by(&budget, began, options.whole(Duration::ZERO));
        let mut target = processes::resolve(target, options.token.clone(), &budget)?;
        if options.local_pid.is_some() {
            target.local_pid = options.local_pid;
        }
        Ok(Found { target, options, budget, began })
    }

    /// Name of the process: the one its author gave it, else its executable's. It is to be escaped where it is
    /// printed.
    pub fn name(&self) -> &str {
        &self.hello.name
    }

    /// Pid of the process in its own pid namespace.
    pub fn pid(&self) -> u32 {
        self.hello.pid
    }

    /// The process on this host, in our pid namespace; `None` when it runs elsewhere.
    pub fn local_pid(&self) -> Option<u32> {
        self.target.local_pid
    }

    /// Ends the command that runs, or the next one, early and from any thread. What was gathered is the answer.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    pub(super) fn hello(&self) -> &AgentHello {
        &self.hello
    }

    pub(super) fn options(&self) -> &SessionOptions {
        &self.options
    }

    /// A connection for a command that takes `asked` by itself, and begins now.
    pub(super) fn begin(&mut self, asked: Duration) -> Result<Client, SessionError> {
        let whole = self.options.whole(asked);
        if let Some(First { client, connected, budget, began }) = self.first.take()
            && connected.elapsed() < STILL_OPEN
        {
            end_by(&budget, began, whole);
            return Ok(client);
        }
        let budget = self.options.new_budget();
        end_by(&budget, Instant::now(), whole);
        Ok(self.connect_again(&budget)?)
    }

    /// A further connection to the same agent.
    pub(super) fn connect_again(&self, budget: &Budget) -> Result<Client, ClientError> {
        let client = self.target.connect_again(self.options.timeouts(), budget)?;
        match client.hello().cookie == self.hello.cookie {
            true => Ok(client),
            false => Err(ClientError::AnotherAgent),
        }
    }

    /// Asks for something that takes `asked` by itself and can be stopped.
    pub(super) fn ask(&mut self, request: &Request, asked: Duration) -> Result<Answer, SessionError> {
        let answer = self.begin(asked)?.ask(request)?;
        self.stopper.set(answer.finisher());
        Ok(answer)
    }
}

impl Found {
    /// Processes that could not be looked at in time while the name was looked for: they may have it, too.
    pub fn unseen(&self) -> usize {
        self.target.unseen
    }

    /// Connects to the agent.
    ///
    /// # Errors
    /// [`SessionError::Client`].
    pub fn connect(self) -> Result<Session, SessionError> {
        let Found { mut target, options, budget, began } = self;
        let client = target.connect(options.timeouts(), &budget)?;
        let hello = client.hello().clone();
        let first = Some(First { client, connected: Instant::now(), budget, began });
        Ok(Session { target, options, hello, stopper: Stopper::default(), first })
    }
}

/// Sets the deadline of a budget. Longer than the clock can tell is as long as one likes.
pub(super) fn end_by(budget: &Budget, began: Instant, whole: Duration) {
    if let Some(deadline) = began.checked_add(whole) {
        budget.end_by(deadline);
    }
}
