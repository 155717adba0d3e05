//! The server.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rgops_http::access::{Access, Hosts, LOGIN_PATH};
use rgops_web::listening::{Address, Crowd, Plain, Secret, Tickets, accept};
use tokio::runtime::{Builder, Runtime};

use super::error::ServeError;
use super::numbers::{self, Numbers};
use super::options::ServeOptions;
use super::routes::router;
use super::state::{Gate, State};
use crate::pages::Pages;
use crate::pprof::AT_A_TIME;

/// Threads that answer requests; what blocks has threads of its own.
const WORKERS: usize = 2;
/// Threads that may block: profiles, numbers, and those of pages.
const BLOCKING_THREADS: usize = AT_A_TIME + numbers::THREADS + 32;
/// Connections. Both together are fewer than the descriptors that a process has mostly, and agents need some, too.
const CROWD: Crowd = Crowd { new: 256, known: 512 };
/// The time for a connection to send a request that may ask. A scraper sends it at once; somebody types into the form of
/// the login page after its connection was used.
const FIRST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long [`Server::stop`] waits for answers that are being written.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// A server that answers until it is stopped or dropped.
pub struct Server {
    scheme: &'static str,
    host: String,
    local_address: SocketAddr,
    gate: Arc<Gate>,
    runtime: Option<Runtime>,
}

/// Answers for all programs of this host that have an agent. Returns when it listens.
///
/// # Errors
/// [`ServeError`].
pub fn serve(options: ServeOptions) -> Result<Server, ServeError> {
    let start = |error: &dyn std::fmt::Display| ServeError::Start(error.to_string());
    let ServeOptions { address, token, is_insecure, hosts } = options;
    if token.is_none() && !is_insecure {
        return Err(ServeError::NoToken);
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("rgops-serve")
        .enable_all()
        .build()
        .map_err(|error| start(&error))?;
    let (listener, address) = runtime.block_on(Address::listen(&address))?;
    let (local_address, host) = (address.local(), address.host());
    let mut names = Hosts::listening(local_address);
    if !address.is_loopback() {
        // A container's port has another number outside.
        names = names.any_port();
    }
    // A name that it was told is right with any port; an address is right with its own.
    let is_name = |name: &str| name.parse::<IpAddr>().is_err() && !name.starts_with('[');
    let own_name = host.rsplit_once(':').map(|(name, _)| name.to_owned()).filter(|name| is_name(name));
    names = own_name.into_iter().chain(hosts).fold(names, Hosts::name);
    let access = match token.filter(|_| !is_insecure) {
        Some(token) => Access::with_token(&token, names).map_err(|error| start(&error))?,
        None => Access::insecure(names),
    };
    let numbers = Arc::new(Numbers::default());
    let gate = Arc::new(Gate { access, tickets: Tickets::default(), numbers: Arc::clone(&numbers) });
    let pages = Arc::new(Pages::default());
    let fleet = pages.fleet.clone();
    let state = State { fleet, flights: Arc::default(), numbers, weight: Default::default() };
    let router = router(state, Arc::clone(&gate), pages);
    runtime.spawn(accept(listener, router, CROWD, FIRST_TIMEOUT, Plain));
    Ok(Server { scheme: "http", host, local_address, gate, runtime: Some(runtime) })
}

/// A new token: 160 random bits.
///
/// # Errors
/// [`ServeError::Start`].
pub fn random_token() -> Result<String, ServeError> {
    let token = Secret::random().map_err(|error| ServeError::Start(error.to_string()))?;
    Ok(token.text().to_owned())
}

impl Server {
    /// The address of the first page.
    pub fn url(&self) -> String {
        format!("{}://{}/", self.scheme, self.host)
    }

    /// An address that lets a browser in without the token, once and within a minute. On Linux only programs of our user,
    /// of root and of the user who ran `sudo` can open it. Without a token it is the address of the first page.
    pub fn ticket_url(&self) -> String {
        let ticket = self.gate.access.needs_token().then(|| self.gate.tickets.issue("/")).flatten();
        match ticket {
            Some(ticket) => format!("{}://{}{LOGIN_PATH}/{ticket}", self.scheme, self.host),
            None => self.url(),
        }
    }

    /// Where it listens.
    pub fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    /// Whether only programs of this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        self.local_address.ip().to_canonical().is_loopback()
    }

    /// Stops listening, and ends what is being made.
    pub fn stop(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(STOP_TIMEOUT);
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
