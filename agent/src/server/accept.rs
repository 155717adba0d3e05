//! Takes connections: each is a task of its own, or is refused at once where there is no room.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::connection::{self, Peer};
use super::local::LocalListener;
use super::room::Room;
use super::shared::Shared;
use super::socket::Socket;
use super::tcp;

/// Pause after a failed accept (out of descriptors), so that a full table does not make us spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections taken before other tasks get a turn.
const ACCEPTED_AT_ONCE: u32 = 16;

pub(crate) async fn accept_local(mut listener: LocalListener, shared: Arc<Shared>) {
    for count in (0_u32..ACCEPTED_AT_ONCE).cycle() {
        match listener.accept().await {
            Ok((socket, peer)) => {
                admit(socket, Peer::Local(peer), &shared, &shared.local);
            }
            Err(_) => refuse_for_a_while(&shared).await,
        }
        give_others_a_turn(count).await;
    }
}

pub(crate) async fn accept_tcp(listener: tcp::Listener, shared: Arc<Shared>) {
    for count in (0_u32..ACCEPTED_AT_ONCE).cycle() {
        match listener.accept().await {
            Ok(socket) => admit(socket, Peer::Remote, &shared, &shared.tcp),
            Err(_) => refuse_for_a_while(&shared).await,
        }
        give_others_a_turn(count).await;
    }
}

async fn give_others_a_turn(count: u32) {
    if count == 0 {
        tokio::task::yield_now().await;
    }
}

/// Serves a connection in a task of its own, or refuses it at once when there is no room: a refused
/// one must not hold a descriptor.
fn admit(mut socket: Socket, peer: Peer, shared: &Arc<Shared>, room: &Room) {
    let counters = &shared.context.counters;
    counters.connections.add(1);
    if !room.enter() {
        counters.refused_limits.add(1);
        socket.write_now(&connection::no_room(room.connections));
        return;
    }
    counters.open_connections.fetch_add(1, Ordering::Relaxed);
    let shared = shared.clone();
    spawn(async move {
        let place = Place { shared: &shared, is_local: matches!(peer, Peer::Local(_)) };
        connection::serve(socket, peer, &shared).await;
        drop(place);
    });
}

/// A served connection's place; given back when dropped, also when its task is cancelled.
struct Place<'s> {
    shared: &'s Shared,
    is_local: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let room = if self.is_local { &self.shared.local } else { &self.shared.tcp };
        room.leave();
        self.shared.context.counters.open_connections.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn refuse_for_a_while(shared: &Shared) {
    shared.context.counters.refused_limits.add(1);
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// Starts a task. Boxed, so that Tokio's machinery for tasks is compiled once: 10 KB for each kind.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    let task: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(task);
    // Detached: it ends with its socket, or with the runtime.
    drop(tokio::spawn(task));
}
