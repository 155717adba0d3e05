//! The arguments shared by all commands that connect to an agent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use rgops_inspect::budget;
use rgops_inspect::report::list;
use rgops_inspect::session::{Session, SessionOptions, Token};
use rgops_protocol::discovery::TOKEN_VARIABLE;

use super::values::{duration, memory};
use crate::exit::{Exit, Failure};
use crate::{last_resort, terminal};

/// The arguments of every command that asks an agent.
#[derive(Debug, Clone, Args)]
pub struct AgentArguments {
    /// A pid, a unique process name, a socket path or host:port
    pub target: String,
    /// Print JSON with a versioned schema instead of text
    #[arg(long)]
    pub json: bool,
    /// Time out after SECONDS without data, or SECONDS after the requested duration
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = duration)]
    pub timeout: Duration,
    /// Memory limit, at least 128M; at the limit the results so far are shown
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = memory)]
    pub max_memory: u64,
    /// Read the token for host:port from this file instead of $RGOPS_TOKEN
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl AgentArguments {
    /// Finds the target and connects to its agent. `symbols` are further directories with symbol files.
    ///
    /// # Errors
    /// No such process, no agent, refused, timed out: each with its exit code and a fix.
    pub fn session(&self, symbols: &[PathBuf]) -> Result<Session, Failure> {
        terminal::allow_debuginfod()?;
        self.connect(symbols)
    }

    /// The same for a command without names of functions.
    ///
    /// # Errors
    /// As [`AgentArguments::session`].
    pub fn session_without_names(&self) -> Result<Session, Failure> {
        self.connect(&[])
    }

    /// The same where the caller has already decided what Ctrl-C does.
    ///
    /// # Errors
    /// As [`AgentArguments::session`].
    pub(crate) fn connect(&self, symbols: &[PathBuf]) -> Result<Session, Failure> {
        let budget = budget::for_process(self.max_memory);
        let options = SessionOptions::default()
            .timeout(self.timeout)
            .budget(budget.clone())
            .token(self.token()?)
            .symbols(symbols.iter().cloned());
        last_resort::watch(&budget);
        let found = Session::find(&self.target, options)?;
        if let Some(unseen) = list::unseen(found.unseen(), &self.target) {
            terminal::note(&unseen);
        }
        Ok(found.connect()?)
    }

    fn token(&self) -> Result<Option<Token>, Failure> {
        token_of(self.token_file.as_deref(), "use the token the program was started with")
    }
}

/// The token in this file, otherwise in `$RGOPS_TOKEN`, if there is one. It is never an argument, because every user can
/// read arguments with `ps`. `fix` is what to do about one that is too short.
pub(crate) fn token_of(file: Option<&Path>, fix: &str) -> Result<Option<Token>, Failure> {
    let (origin, secret) = match file {
        Some(file) => {
            let secret = rgops_inspect::token_file::read(file).map_err(|error| {
                let what = format!("cannot read the token file {}", file.display());
                Failure::new(Exit::Usage, what, error.to_string(), error.fix())
            })?;
            (format!("the token in {}", file.display()), secret)
        }
        None => match std::env::var_os(TOKEN_VARIABLE) {
            Some(secret) => (format!("the token in ${TOKEN_VARIABLE}"), secret.into_encoded_bytes()),
            None => return Ok(None),
        },
    };
    Token::new(secret)
        .map(Some)
        .map_err(|error| Failure::new(Exit::Usage, format!("cannot use {origin}"), error.to_string(), fix))
}
