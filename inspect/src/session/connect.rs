//! The session itself: finds the process, keeps its agent, and opens one connection per command.

use std::time::{Duration, Instant};

use rgops_protocol::hello::AgentHello;
use rgops_protocol::request::Request;

use super::error::SessionError;
use super::options::SessionOptions;
use crate::budget::Budget;
use crate::client::{Answer, Client, ClientError, Running, Stopper};
use crate::debuginfod;
use crate::processes::{self, Target};
use crate::symbols::files::Finder;

/// Maximum age of an unused connection: an agent closes it after 5 s without a request.
const STILL_OPEN: Duration = Duration::from_secs(3);

/// A connected program. A session runs one command at a time, each with its own connection to the same agent.
#[derive(Debug)]
pub struct Session {
    /// The target as the user typed it.
    typed: String,
    target: Target,
    options: SessionOptions,
    hello: AgentHello,
    stopper: Stopper,
    /// The first connection to the agent, until the first command takes it.
    first: Option<First>,
}

#[derive(Debug)]
struct First {
    client: Client,
    connected: Instant,
    /// The budget of the connection, and when it started.
    budget: Budget,
    began: Instant,
}

/// A process that was found but is not connected yet.
#[derive(Debug)]
pub struct Found {
    typed: String,
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

    /// Like [`Session::connect`], with limits, a token or symbol directories.
    ///
    /// # Errors
    /// Those of [`Session::connect`].
    pub fn connect_with(target: &str, options: SessionOptions) -> Result<Session, SessionError> {
        Session::find(target, options)?.connect()
    }

    /// The first half of [`Session::connect_with`]: finds the process without connecting to it.
    ///
    /// # Errors
    /// [`SessionError::Resolve`].
    pub fn find(target: &str, options: SessionOptions) -> Result<Found, SessionError> {
        let (budget, began) = (options.new_budget(), Instant::now());
        end_by(&budget, began, options.whole(Duration::ZERO));
        let typed = target.to_owned();
        let mut target = processes::resolve(&typed, options.token.clone(), &budget)?;
        if options.local_pid.is_some() {
            target.local_pid = options.local_pid;
        }
        Ok(Found { typed, target, options, budget, began })
    }

    /// Name of the process: the one set by its author, otherwise that of its executable. Escape it before printing.
    pub fn name(&self) -> &str {
        &self.hello.name
    }

    /// Pid of the process in its own pid namespace.
    pub fn pid(&self) -> u32 {
        self.hello.pid
    }

    /// When the process started, in clock ticks since boot; 0 if its system has no such number. With the pid it names the
    /// process for all time.
    pub fn start_time(&self) -> u64 {
        self.hello.start_time
    }

    /// Pid of the process on this host, in our pid namespace; `None` if it runs elsewhere.
    pub fn local_pid(&self) -> Option<u32> {
        self.target.local_pid
    }

    /// Stops the running command, or the next one if none runs, from any thread. The data collected so far is the
    /// answer. Profiles, traces, [`Session::leaks`] and [`Session::schedtrace`] can be stopped; other commands end by
    /// themselves, and a stop has no effect on them. A stop never applies to more than one command.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Another session with the same program, with a budget of its own for each command.
    pub(super) fn again(&self) -> Session {
        Session {
            typed: self.typed.clone(),
            target: self.target.clone(),
            options: SessionOptions { budget: None, ..self.options.clone() },
            hello: self.hello.clone(),
            stopper: Stopper::default(),
            first: None,
        }
    }

    /// The target as the user typed it, for the suggested next command.
    pub(super) fn typed(&self) -> &str {
        &self.typed
    }

    pub(super) fn hello(&self) -> &AgentHello {
        &self.hello
    }

    pub(super) fn options(&self) -> &SessionOptions {
        &self.options
    }

    /// A connection for a command that starts now and itself takes the time `asked`. The command runs until the second
    /// value is dropped.
    pub(super) fn begin(&mut self, asked: Duration) -> Result<(Client, Running), SessionError> {
        let running = self.stopper.running();
        let whole = self.options.whole(asked);
        if let Some(First { client, connected, budget, began }) = self.first.take()
            && connected.elapsed() < STILL_OPEN
        {
            end_by(&budget, began, whole);
            return Ok((client, running));
        }
        let budget = self.options.new_budget();
        end_by(&budget, Instant::now(), whole);
        Ok((self.connect_again(&budget)?, running))
    }

    /// Another connection to the same agent.
    pub(super) fn connect_again(&self, budget: &Budget) -> Result<Client, ClientError> {
        let client = self.target.connect_again(self.options.timeouts(), budget)?;
        match client.hello().cookie == self.hello.cookie {
            true => Ok(client),
            false => Err(ClientError::AnotherAgent),
        }
    }

    /// Sends a request for a command that itself takes the time `asked` and can be stopped.
    pub(super) fn ask(
        &mut self,
        request: &Request,
        asked: Duration,
    ) -> Result<(Answer, Running), SessionError> {
        let (client, running) = self.begin(asked)?;
        let answer = client.ask(request)?;
        running.set(answer.finisher());
        Ok((answer, running))
    }
}

impl Found {
    /// Number of processes that could not be inspected in time during the search: they may have the same name.
    pub fn unseen(&self) -> usize {
        self.target.unseen
    }

    /// Connects to the agent.
    ///
    /// # Errors
    /// [`SessionError::Client`].
    pub fn connect(mut self) -> Result<Session, SessionError> {
        self.fetch_debug_information();
        let Found { typed, mut target, options, budget, began } = self;
        let client = target.connect(options.timeouts(), &budget)?;
        let hello = client.hello().clone();
        let first = Some(First { client, connected: Instant::now(), budget, began });
        Ok(Session { typed, target, options, hello, stopper: Stopper::default(), first })
    }
}

impl Found {
    /// Where servers with debug information may be asked: does that before the agent's time counts.
    fn fetch_debug_information(&mut self) {
        if debuginfod::is_enabled() && self.target.local_pid.is_some() {
            Finder::new(self.target.local_pid, &self.options.symbols, &self.budget).fetch_program();
            self.began = Instant::now();
            end_by(&self.budget, self.began, self.options.whole(Duration::ZERO));
        }
    }
}

/// Sets the deadline of a budget. A time beyond the range of the clock means no deadline.
pub(super) fn end_by(budget: &Budget, began: Instant, whole: Duration) {
    if let Some(deadline) = began.checked_add(whole) {
        budget.end_by(deadline);
    }
}
