//! Connections: how many, how large their requests are, and how long they may take.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::passes::Passes;
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

/// Accepts connections until it is dropped. A client that closes its connection ends the work of its request: its
/// future is dropped. Who floods us without the secret loses the oldest of these connections, and keeps nobody out: each
/// that was accepted has some time to show the secret, and if there are very many others wait to be accepted.
pub(super) async fn accept(listener: TcpListener, router: Router, is_loopback: bool) {
    let passes = Arc::new(Passes::default());
    let first_timeout = if is_loopback { FIRST_TIMEOUT } else { REQUEST_TIMEOUT };
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
                let builder = builder.clone();
                let router = router.clone();
                passes.admit(Instant::now(), |pass| {
                    let stream = Patient::new(stream, pass.clone(), first_timeout, WRITE_TIMEOUT);
                    let service = TowerToHyperService::new(
                        router.layer(axum::Extension(peer)).layer(axum::Extension(pass)),
                    );
                    let task = tokio::spawn(async move {
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
