//! Accepts connections: each gets its own task, or is refused at once if the limit is reached.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::connection::{self, Peer};
use super::connection_limit::ConnectionLimit;
use super::local::LocalListener;
use super::shared::Shared;
use super::socket::Socket;
use super::tcp;

/// Pause after a failed accept (no free descriptors), so that the agent does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections accepted before other tasks may run.
const ACCEPTED_AT_ONCE: u32 = 16;

pub(crate) async fn accept_local(mut listener: LocalListener, shared: Arc<Shared>) {
    for count in (0_u32..ACCEPTED_AT_ONCE).cycle() {
        match listener.accept().await {
            Ok((socket, peer)) => {
                admit(socket, Peer::Local(peer), &shared, &shared.local);
            }
            Err(_) => pause_after_failure(&shared).await,
        }
        yield_to_others(count).await;
    }
}

pub(crate) async fn accept_tcp(listener: tcp::Listener, shared: Arc<Shared>) {
    for count in (0_u32..ACCEPTED_AT_ONCE).cycle() {
        match listener.accept().await {
            Ok(socket) => admit(socket, Peer::Remote, &shared, &shared.tcp),
            Err(_) => pause_after_failure(&shared).await,
        }
        yield_to_others(count).await;
    }
}

async fn yield_to_others(count: u32) {
    if count == 0 {
        tokio::task::yield_now().await;
    }
}

/// Serves a connection in its own task, or refuses it at once if the limit is reached. A refused connection must not
/// keep a descriptor.
fn admit(mut socket: Socket, peer: Peer, shared: &Arc<Shared>, limit: &ConnectionLimit) {
    let counters = &shared.context.counters;
    counters.connections.add(1);
    if !limit.enter() {
        counters.refused_limits.add(1);
        socket.write_now(&connection::over_limit(limit.max));
        return;
    }
    counters.open_connections.fetch_add(1, Ordering::Relaxed);
    let shared = shared.clone();
    spawn(async move {
        let slot = Slot { shared: &shared, is_local: matches!(peer, Peer::Local(_)) };
        connection::serve(socket, peer, &shared).await;
        drop(slot);
    });
}

/// The slot of a connection that is served; released when dropped, also when its task is cancelled.
struct Slot<'s> {
    shared: &'s Shared,
    is_local: bool,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let limit = if self.is_local { &self.shared.local } else { &self.shared.tcp };
        limit.leave();
        self.shared.context.counters.open_connections.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn pause_after_failure(shared: &Shared) {
    shared.context.counters.refused_limits.add(1);
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// Spawns a task. The future is boxed, so that Tokio's code for tasks is compiled only once: it takes 10 KB for each
/// type of future.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    let task: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(task);
    // Detached: it ends with its socket, or with the runtime.
    drop(tokio::spawn(task));
}
