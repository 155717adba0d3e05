//! Connections: how many, how large their requests are, and how long they may take.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::passes::{Crowd, Passes};
use super::patience::Patient;
use super::peer::Peer;

/// The time for a request to arrive, and for a connection to be idle.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// The time for the first request of a connection on loopback, where nothing is slow.
const FIRST_TIMEOUT: Duration = Duration::from_secs(2);
/// The time in which a client reads at least something of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes and headers that hyper reads. The guard refuses fewer, with the headers of our answers.
const READ_BYTES: usize = 64 << 10;
const READ_HEADERS: usize = 512;
/// The pause after the system refused a connection: too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// What is between a connection and HTTP: nothing, or TLS.
pub trait Wrap: Clone + Send + 'static {
    /// What HTTP is spoken on.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Makes it of a connection. The deadline for the first request counts.
    fn wrap(&self, stream: Patient) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Nothing is between.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl Wrap for Plain {
    type Stream = Patient;

    async fn wrap(&self, stream: Patient) -> io::Result<Patient> {
        Ok(stream)
    }
}

/// Accepts connections to the analyser until it is dropped.
pub(super) async fn accept(listener: TcpListener, router: Router, is_loopback: bool) {
    let first_timeout = if is_loopback { FIRST_TIMEOUT } else { REQUEST_TIMEOUT };
    accept_with(listener, router, Crowd::default(), first_timeout, Plain).await;
}

/// Accepts connections until it is dropped. A client that closes its connection ends the work of its request: its
/// future is dropped. Who floods us without the secret loses the oldest of these connections, and keeps nobody out: each
/// that was accepted has some time to show the secret, and if there are very many others wait to be accepted.
///
/// Requests have the extensions [`Peer`] and [`Pass`](super::passes::Pass): the router calls
/// [`show`](super::passes::Pass::show) when a request may ask. A connection that does not within `first_timeout` ends,
/// and so does one that does not read anything of its answer for 30 s.
pub async fn accept_with<W: Wrap>(
    listener: TcpListener,
    router: Router,
    crowd: Crowd,
    first_timeout: Duration,
    wrap: W,
) {
    let passes = Arc::new(Passes::new(crowd));
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(READ_BYTES)
        .max_headers(READ_HEADERS);
    loop {
        passes.room().await;
        match listener.accept().await {
            Ok((stream, remote)) => {
                let Ok(local) = stream.local_addr() else { continue };
                let peer = Peer { remote, local };
                let _ = stream.set_nodelay(true);
                let (builder, router, wrap) = (builder.clone(), router.clone(), wrap.clone());
                passes.admit(Instant::now(), |pass| {
                    let stream = Patient::new(stream, pass.clone(), first_timeout, WRITE_TIMEOUT);
                    let service = TowerToHyperService::new(
                        router.layer(axum::Extension(peer)).layer(axum::Extension(pass)),
                    );
                    let task = tokio::spawn(async move {
                        let Ok(stream) = wrap.wrap(stream).await else { return };
                        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                    });
                    task.abort_handle()
                });
            }
            Err(_) => {
                tokio::time::sleep(PAUSE).await;
                passes.trim(Instant::now());
            }
        }
    }
}
