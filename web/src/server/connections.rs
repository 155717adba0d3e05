//! Connections: how many, how large their requests are, and how long they may take.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// The most connections at a time; others wait. A browser opens six.
const CONNECTIONS: usize = 64;
/// The time for a request to arrive, and for a connection to be idle.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// The most bytes of a request's line and headers.
const REQUEST_BYTES: usize = 32 << 10;
/// The most headers.
const HEADERS: usize = 64;
/// The pause after the system refused a connection: too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until it is dropped. A client that closes its connection ends the work of its request: its
/// future is dropped.
pub(super) async fn accept(listener: TcpListener, router: Router) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(REQUEST_BYTES)
        .max_headers(HEADERS);
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                let service = TowerToHyperService::new(router.clone());
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move {
                    let _permit = permit;
                    let _ = connection.await;
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
