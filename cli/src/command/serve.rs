//! `rgops serve`: all programs of this host over HTTP.

use std::path::PathBuf;
use std::sync::mpsc;

use rgops_inspect::session::Token;
use rgops_protocol::discovery::TOKEN_VARIABLE;
use rgops_serve::{DEFAULT_ADDRESS, ServeError, ServeOptions, Server};

use crate::arguments::token_of;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Arguments of `rgops serve`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
All programs of this user that have an agent; as root, those of everybody and in containers.
Nothing is asked of a program until somebody asks for it.

  /                         the programs, in a browser
  /p/PROGRAM/debug/pprof/   one program as Go's net/http/pprof; PROGRAM is a pid or a unique name
  /metrics                  for Prometheus; of one program: /p/PROGRAM/metrics
  /sd                       the programs as targets (http_sd)

Who asks needs the token: as the password of any user, as a Bearer token, or at /login. It is in
$RGOPS_TOKEN or --token-file; otherwise one is made and shown on the terminal.

Examples:
  rgops serve                                     on 127.0.0.1:6160; on a terminal with a new token
  rgops serve :0                                  on a free port
  (umask 077; head -c 32 /dev/urandom | base64 > token)
  rgops serve 0.0.0.0:6160 --token-file token     for other machines: put TLS before it
  go tool pprof 'http://any:TOKEN@127.0.0.1:6160/p/shop/debug/pprof/profile?seconds=5'
  curl -u any:TOKEN 'http://127.0.0.1:6160/p/shop/debug/pprof/goroutine?debug=2'

In an address, write a / of the token as %2F.")]
pub struct Serve {
    /// Where to listen: HOST:PORT, or :PORT on this machine only; port 0 is a free one
    #[arg(value_name = "ADDR", default_value = DEFAULT_ADDRESS)]
    address: String,
    /// Read the token from this file instead of $RGOPS_TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Answer everybody who can connect, without a token
    #[arg(long, conflicts_with = "token_file")]
    http_insecure: bool,
    /// Another name by which it is asked, such as that of a service; may be given several times
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
}

impl Serve {
    /// Answers until Ctrl-C.
    ///
    /// # Errors
    /// If there is no token, or the address cannot be used.
    pub fn run(&self) -> Result<Exit, Failure> {
        let (interrupted, interrupts) = mpsc::channel();
        let terminated = interrupted.clone();
        terminal::on_interrupt(move || {
            let _ = interrupted.send(());
        })?;
        on_termination(move || {
            let _ = terminated.send(());
        })?;
        let (token, made) = self.token()?;
        let options = ServeOptions::default().address(&self.address).token(token);
        let options = if self.http_insecure { options.http_insecure() } else { options };
        let options = self.hosts.iter().fold(options, ServeOptions::host);
        let server = rgops_serve::serve(options).map_err(|error| failure(&error))?;
        terminal::print(&format!("{}\n", server.url()))?;
        self.say(&server, made.as_deref());
        // The sender is kept by what Ctrl-C runs, so this is an error only if that is gone.
        let _ = interrupts.recv();
        server.stop();
        Ok(Exit::Success)
    }

    fn say(&self, server: &Server, made: Option<&str>) {
        if let Some(token) = made {
            terminal::say(&format!(
                "token: {token} (of this run; set ${TOKEN_VARIABLE} to have one that stays)"
            ));
            terminal::say(&format!("log in by {}, once and within a minute", server.ticket_url()));
        }
        if self.http_insecure {
            terminal::note("there is no token: everybody who can connect can look into the programs");
        }
        if !server.is_loopback() {
            terminal::note(
                "other machines can reach this address, and there is no encryption: put TLS before it, or use \
                 127.0.0.1:PORT and ssh -L PORT:127.0.0.1:PORT",
            );
        }
        terminal::say("Ctrl-C ends it");
    }

    /// The token, and its text if it was made here.
    fn token(&self) -> Result<(Option<Token>, Option<String>), Failure> {
        if self.http_insecure {
            return Ok((None, None));
        }
        let fix = "use one that is longer: head -c 32 /dev/urandom | base64";
        if let Some(token) = token_of(self.token_file.as_deref(), fix)? {
            return Ok((Some(token), None));
        }
        // What is not a terminal keeps what is written: a log.
        if !terminal::is_seen() {
            return Err(failure(&ServeError::NoToken));
        }
        let made = rgops_serve::random_token().map_err(|error| failure(&error))?;
        Ok((Token::new(&made).ok(), Some(made)))
    }
}

/// Runs `hook` at SIGTERM, by which containers and services are ended. The first process of a container has no default for
/// it.
#[cfg(unix)]
fn on_termination(hook: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    let pipe = UnixStream::pair().and_then(|(read, write)| {
        signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, write).map(|_| read)
    });
    let mut pipe =
        pipe.map_err(|error| Failure::new(Exit::Internal, "cannot catch SIGTERM", error.to_string(), ""))?;
    std::thread::spawn(move || {
        if pipe.read_exact(&mut [0]).is_ok() {
            hook();
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn on_termination(_: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    Ok(())
}

fn failure(error: &ServeError) -> Failure {
    let (exit, fix) = match error {
        ServeError::Listen(rgops_serve::ListenError::Address { .. }) => {
            (Exit::Usage, "rgops serve 127.0.0.1:6160, or rgops serve :0 for a free port")
        }
        ServeError::Listen(_) => (Exit::Refused, "end the program that listens there, or: rgops serve :0"),
        ServeError::NoToken => (
            Exit::Usage,
            "set RGOPS_TOKEN or pass --token-file FILE (head -c 32 /dev/urandom | base64 makes one); \
             in a terminal a token is made",
        ),
        _ => (Exit::Internal, ""),
    };
    Failure::new(exit, "cannot serve the programs", error.to_string(), fix)
}
