//! The server: connections, the checks of a request, and the work of its answer.

mod address;
mod answers;
mod connections;
mod error;
mod guard;
mod headers;
mod mounted;
mod passes;
mod patience;
mod peer;
mod secret;
mod state;
mod tickets;
mod work;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use rgops_pprof::Settings;

use crate::analyser::Analyser;
use crate::query::Query;
use crate::views::View;
pub use address::Address;
pub use secret::Secret;
use state::{Gate, State};
pub use tickets::Tickets;
use work::Work;

pub use connections::{Plain, Wrap, accept_with};
pub use error::ServeError;
pub use headers::protect;
pub use mounted::{Mounted, Mounts};
pub use passes::{Crowd, Pass};
pub use patience::Patient;
pub use peer::Peer;

/// Threads that answer requests; reports have threads of their own.
const WORKERS: usize = 2;
/// Threads that may block: reports, and a few for what is short.
const BLOCKING_THREADS: usize = work::REPORTS + 2;
/// How long [`Server::stop`] waits for answers that are being written.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// A server that answers until it is stopped or dropped.
pub struct Server {
    url: String,
    host: String,
    state: Arc<State>,
    gate: Arc<Gate>,
    local_address: SocketAddr,
    runtime: Option<Runtime>,
}

/// Answers at `address`, which is `HOST:PORT`; an empty host is the loopback address, and port 0 or an empty port is a
/// free one. Returns when it listens.
///
/// A request is answered only if its path begins with the secret of [`Server::url`], its `Host` is a loopback name or
/// an IP address with the right port (so no name that someone else's DNS leads here), and its `Origin` and
/// `Sec-Fetch-Site` do not say that the page of another site made it. An address that is not loopback can be given; then
/// whoever can reach it and sees the address in transit can read the profile, because there is no encryption:
/// [`Server::is_loopback`] says so.
///
/// # Errors
/// [`ServeError`].
pub fn serve(analyser: Analyser, address: &str) -> Result<Server, ServeError> {
    let start = |error: &dyn std::fmt::Display| ServeError::Start(error.to_string());
    let secret = Secret::random().map_err(|error| start(&error))?;
    let token = Secret::random().map_err(|error| start(&error))?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("rgops-web")
        .enable_all()
        .build()
        .map_err(|error| start(&error))?;
    let (listener, address) = runtime.block_on(Address::listen(address))?;
    let local_address = address.local();
    let host = address.host();
    let url = format!("http://{host}/{}/ui/", secret.text());
    let base = format!("/{}/ui", secret.text());
    let gate = Arc::new(Gate { address, secret, tickets: Tickets::default() });
    let state = Arc::new(State { analyser: Arc::new(analyser), base, token, work: Work::new() });
    let is_loopback = local_address.ip().to_canonical().is_loopback();
    let router = answers::guarded(Arc::clone(&state), Arc::clone(&gate));
    runtime.spawn(connections::accept(listener, router, is_loopback));
    Ok(Server { url, host, state, gate, local_address, runtime: Some(runtime) })
}

impl Server {
    /// The address of the first page, with the secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of the first page without the secret, to be opened once and within a minute: for the arguments of a
    /// browser, which other users of the machine can read. On Linux only programs of our user, of root and of the user
    /// who ran `sudo` can open it.
    pub fn ticket_url(&self) -> String {
        self.ticket_url_to("")
    }

    /// The same for another page: what [`Server::view`] returns.
    pub fn ticket_url_to(&self, view: &str) -> String {
        match self.gate.tickets.issue(view) {
            Some(ticket) => format!("http://{}/{ticket}", self.host),
            None => format!("{}{view}", self.url),
        }
    }

    /// The address of the view at `route` with these options, relative to [`Server::url`]. Options that no address can
    /// have are as they were when the server was started. `argument` is the regular expression of `peek`, `source` and
    /// `disasm`.
    pub fn view(&self, route: &str, settings: &Settings, argument: Option<&str>) -> String {
        let Some(view) = View::at(route) else { return String::new() };
        let mut query = Query::new(&self.state.analyser.settings);
        query.settings = settings.clone();
        if view.own.contains(&"fn") {
            query = query.with_own("fn", argument.unwrap_or_default());
        }
        query.href(view)
    }

    /// Where it listens.
    pub fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    /// Whether only programs of this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        self.local_address.ip().to_canonical().is_loopback()
    }

    /// Stops listening, and ends the reports that run.
    pub fn stop(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(STOP_TIMEOUT);
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the secret, which would be in logs then.
        to.debug_struct("Server").field("local_address", &self.local_address).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
