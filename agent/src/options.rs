//! The options that the program's author passes to `listen`.

use std::path::PathBuf;
use std::sync::Arc;

use rgops_protocol::auth::Token;
use rgops_protocol::discovery::TOKEN_VARIABLE;
use rgops_protocol::request::Command;
use tokio::runtime::Handle;

use crate::allocator::{AllocatorStats, Allocators};
use crate::{CpuEngine, ListenError};

/// How an agent listens and what it answers. The default: a local socket that only the same user
/// and root may use, and every command that changes nothing.
///
/// ```no_run
/// use rgops_agent::{self as agent, Options};
///
/// # fn main() -> std::io::Result<()> {
/// agent::listen(Options::default().name("shop").program(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {
    pub(crate) no_local: bool,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) tcp: Option<Tcp>,
    pub(crate) token: Option<TokenSource>,
    pub(crate) denied: Vec<Command>,
    pub(crate) allowed: Vec<Command>,
    pub(crate) watched: Vec<(Handle, String)>,
    pub(crate) name: Option<String>,
    pub(crate) program: Option<String>,
    pub(crate) allocators: Allocators,
    pub(crate) signal: Option<i32>,
    pub(crate) cpu_engine: Option<CpuEngine>,
    pub(crate) memory_over_tcp: bool,
    pub(crate) heap_rate: Option<u64>,
}

/// A TCP address, not yet checked.
#[derive(Debug, Clone)]
pub(crate) struct Tcp {
    pub(crate) address: String,
    pub(crate) insecure: bool,
}

/// Where the token comes from; read by `listen`.
#[derive(Debug, Clone)]
pub(crate) enum TokenSource {
    Given(Token),
    Environment,
    File(PathBuf),
}

impl Options {
    /// Puts the local socket into this directory instead of the one the environment names
    /// (`$RGOPS_DIR`, `$XDG_RUNTIME_DIR/rgops`, `/tmp/rgops-UID`). It is created with mode 0700 if it does not
    /// exist, and refused if other users have access to it.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Options {
        self.directory = Some(directory.into());
        self
    }

    /// Does not listen on a local socket, only on TCP.
    #[must_use]
    pub fn without_local_socket(mut self) -> Options {
        self.no_local = true;
        self
    }

    /// Also listens on this loopback address, such as `127.0.0.1:7777` or `[::1]:0`. Needs a token.
    #[must_use]
    pub fn tcp(mut self, address: impl Into<String>) -> Options {
        self.tcp = Some(Tcp { address: address.into(), insecure: false });
        self
    }

    /// Also listens on this address, which other hosts can reach. Needs a token, which authenticates but does
    /// not encrypt: anyone on the network path can read and change the answers. A tunnel (`ssh -L`) to
    /// [`Options::tcp`] avoids both.
    #[must_use]
    pub fn tcp_insecure_remote(mut self, address: impl Into<String>) -> Options {
        self.tcp = Some(Tcp { address: address.into(), insecure: true });
        self
    }

    /// The token that TCP clients must prove they know; at least 16 bytes.
    ///
    /// # Errors
    /// [`ListenError::Token`] when it is shorter.
    pub fn token(mut self, secret: impl AsRef<[u8]>) -> Result<Options, ListenError> {
        let token = Token::new(secret).map_err(|error| ListenError::Token(error.to_string()))?;
        self.token = Some(TokenSource::Given(token));
        Ok(self)
    }

    /// Takes the token from `$RGOPS_TOKEN` when `listen` is called.
    #[must_use]
    pub fn token_from_environment(mut self) -> Options {
        self.token = Some(TokenSource::Environment);
        self
    }

    /// Reads the token from this file when `listen` is called; only its owner may be able to read it.
    #[must_use]
    pub fn token_file(mut self, file: impl Into<PathBuf>) -> Options {
        self.token = Some(TokenSource::File(file.into()));
        self
    }

    /// Allows this command to change something in the program. Without it [`Command::Gc`] (`rgops gc`)
    /// is refused, and [`Command::HeapRate`] only reports the rate. Commands that change nothing need no
    /// permission. [`Options::deny`] overrides this.
    #[must_use]
    pub fn allow(mut self, command: Command) -> Options {
        self.allowed.push(command);
        self
    }

    /// Refuses this command. Denying [`Command::Read`] also denies the program's memory to every other command: `tasks`
    /// then has no async stacks.
    #[must_use]
    pub fn deny(mut self, command: Command) -> Options {
        self.denied.push(command);
        self
    }

    /// Watches this Tokio runtime, shown under `name`. The runtime `listen` is called in is always watched, as
    /// `main`.
    #[must_use]
    pub fn watch(mut self, handle: &Handle, name: impl Into<String>) -> Options {
        self.watched.push((handle.clone(), name.into()));
        self
    }

    /// The name under which the program is shown, instead of its executable's name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Options {
        self.name = Some(name.into());
        self
    }

    /// The program's crate and version for `rgops version`: pass `env!("CARGO_PKG_NAME")` and
    /// `env!("CARGO_PKG_VERSION")`.
    #[must_use]
    pub fn program(mut self, name: &str, version: &str) -> Options {
        self.program = Some(format!("{name} {version}"));
        self
    }

    /// Shows the numbers of this allocator in `rgops memstats`.
    #[must_use]
    pub fn allocator(mut self, allocator: impl AllocatorStats) -> Options {
        self.allocators.0.push(Arc::new(allocator));
        self
    }

    /// Captures stacks with this signal instead of SIGPROF: for a program that uses SIGPROF itself, or relies
    /// on it being blocked. Allowed are SIGPROF, SIGVTALRM, SIGUSR1, SIGUSR2 and real-time signals, such as
    /// `libc::SIGRTMIN() + 3`; [`listen`](crate::listen) refuses all others with [`ListenError::Signal`].
    ///
    /// Signals of this number that the program sends itself still reach its own handler, but those
    /// that are pending when a capture ends are discarded. Real-time signals are numbered as the C
    /// library counts them, from `SIGRTMIN()`.
    #[must_use]
    pub fn signal(mut self, number: i32) -> Options {
        self.signal = Some(number);
        self
    }

    /// Takes CPU profiles with this engine. [`listen`](crate::listen) refuses one that this build does
    /// not have, with [`ListenError::Engine`].
    #[must_use]
    pub fn cpu_engine(mut self, engine: CpuEngine) -> Options {
        self.cpu_engine = Some(engine);
        self
    }

    /// Lets clients on TCP read all of the program's memory, including any secrets in it. `rgops tasks` needs
    /// this to show where tasks wait. On the local socket it is always allowed, because the same user could
    /// read the memory anyway. On TCP anyone who knows the token can read it, and the bytes are not encrypted.
    /// Without this, `rgops tasks` over TCP lists the tasks with their states and types.
    #[must_use]
    pub fn memory_over_tcp(mut self) -> Options {
        self.memory_over_tcp = true;
        self
    }

    /// The mean number of bytes between two heap samples, where the program's allocator is wrapped
    /// ([`Sampling`](crate::alloc::Sampling)). The default is 512 KiB; 0 turns sampling off until `rgops
    /// heap-rate` sets a rate. Fewer bytes give better estimates and cost more: a sample costs 0.1 to 3 µs.
    #[must_use]
    pub fn heap_rate(mut self, mean_bytes: u64) -> Options {
        self.heap_rate = Some(mean_bytes);
        self
    }

    /// Reads the token from its source.
    pub(crate) fn read_token(&self) -> Result<Option<Token>, ListenError> {
        let secret = match &self.token {
            None => return Ok(None),
            Some(TokenSource::Given(token)) => return Ok(Some(token.clone())),
            Some(TokenSource::Environment) => std::env::var_os(TOKEN_VARIABLE)
                .ok_or_else(|| ListenError::Token(format!("${TOKEN_VARIABLE} is not set")))?
                .into_encoded_bytes(),
            Some(TokenSource::File(file)) => read_token_file(file)?,
        };
        Token::new(secret).map(Some).map_err(|error| ListenError::Token(error.to_string()))
    }
}

/// Reads a token file if [`TokenFile`](rgops_protocol::token_file::TokenFile) accepts it. The check is on the
/// open file, which is the one that is read. It is opened with `O_NONBLOCK`, so that a pipe cannot block the
/// agent.
#[cfg(target_os = "linux")]
fn read_token_file(file: &PathBuf) -> Result<Vec<u8>, ListenError> {
    use std::io::Read as _;
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};

    use rgops_protocol::token_file::{MAX_TOKEN_FILE_BYTES, TokenFile};

    let wrong = |why: String| ListenError::Token(format!("{}: {why}", file.display()));
    let failed = |error: std::io::Error| wrong(error.to_string());
    let mut options = std::fs::OpenOptions::new();
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let open = options.read(true).custom_flags(flags).open(file).map_err(failed)?;
    let found = open.metadata().map_err(failed)?;
    let is_regular = found.is_file();
    let found = TokenFile { is_regular, length: found.len(), uid: found.uid(), mode: found.mode() };
    // The fix does not contain this path: until the user runs it, the directory's owner could make the path point
    // elsewhere.
    found.check(rgops_capture::system::effective_uid()).map_err(|why| {
        wrong(format!("{why}; make one that only this user can read: (umask 077; head -c 32 /dev/urandom | base64 > FILE)"))
    })?;
    let mut secret = Vec::new();
    open.take(MAX_TOKEN_FILE_BYTES).read_to_end(&mut secret).map_err(failed)?;
    Ok(secret)
}

/// The agent does not listen on these systems.
#[cfg(not(target_os = "linux"))]
fn read_token_file(file: &PathBuf) -> Result<Vec<u8>, ListenError> {
    std::fs::read(file).map_err(|error| ListenError::Token(format!("{}: {error}", file.display())))
}
