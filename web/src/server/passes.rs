//! Which connections have shown the secret. Those that have not are strangers: there are few, and the oldest makes room.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

/// The most connections that have not shown the secret for longer than [`TURN`]; one more ends the oldest.
const STRANGERS: usize = 64;
/// The time in which a connection is not ended for others: to be read, and to show the secret.
const TURN: Duration = Duration::from_millis(50);

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// The most that have not shown the secret; others wait until the oldest had its turn.
    pub new: usize,
    /// The most that have; requests of others wait. A browser opens six.
    pub known: usize,
}

impl Default for Crowd {
    fn default() -> Crowd {
        Crowd { new: 512, known: 64 }
    }
}

/// All connections.
pub(super) struct Passes {
    /// The oldest first.
    strangers: Mutex<VecDeque<Stranger>>,
    next: Mutex<u64>,
    known: Arc<Semaphore>,
    new: usize,
}

struct Stranger {
    number: u64,
    since: Instant,
    task: AbortHandle,
}

/// What one connection has shown. It is a stranger until [`Pass::show`].
#[derive(Clone)]
pub struct Pass(Arc<Shown>);

struct Shown {
    number: u64,
    passes: Arc<Passes>,
    is_known: AtomicBool,
    place: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Passes {
    /// No connections yet.
    pub(super) fn new(crowd: Crowd) -> Passes {
        let known = Arc::new(Semaphore::new(crowd.known));
        Passes { strangers: Mutex::default(), next: Mutex::default(), known, new: crowd.new }
    }

    /// Waits until there is room for one more.
    pub(super) async fn room(&self) {
        let oldest = {
            let strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
            strangers.front().filter(|_| strangers.len() >= self.new).map(|oldest| oldest.since)
        };
        if let Some(since) = oldest {
            sleep_until(since + TURN).await;
            self.trim(Instant::now());
        }
    }

    /// Ends the oldest strangers that had their turn, if there are too many.
    pub(super) fn trim(&self, now: Instant) {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let too_many = strangers.len().saturating_sub(STRANGERS);
        let had_turn = strangers.iter().take(too_many).take_while(|of| now >= of.since + TURN).count();
        let ended: Vec<Stranger> = strangers.drain(..had_turn).collect();
        drop(strangers);
        for of in ended {
            of.task.abort();
        }
    }

    /// Starts a connection, which is a stranger. If there are too many the oldest ends.
    pub(super) fn admit(self: &Arc<Passes>, now: Instant, start: impl FnOnce(Pass) -> AbortHandle) {
        let number = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            *next = next.wrapping_add(1);
            *next
        };
        let shown = Shown {
            number,
            passes: Arc::clone(self),
            is_known: AtomicBool::new(false),
            place: Mutex::default(),
        };
        // Held while it starts, so that it cannot leave the strangers before it is one of them.
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let task = start(Pass(Arc::new(shown)));
        strangers.push_back(Stranger { number, since: now, task });
        drop(strangers);
        self.trim(now);
    }

    fn forget(&self, number: u64) {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.retain(|of| of.number != number);
    }
}

impl Pass {
    /// The connection has shown the secret. It is a stranger until one of the places for others is free.
    pub async fn show(&self) {
        if self.is_known() {
            return;
        }
        let Ok(place) = Arc::clone(&self.0.passes.known).acquire_owned().await else { return };
        *self.0.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        self.0.is_known.store(true, Ordering::Relaxed);
        self.0.passes.forget(self.0.number);
    }

    /// Whether it has.
    pub fn is_known(&self) -> bool {
        self.0.is_known.load(Ordering::Relaxed)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.passes.forget(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_has_a_turn() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("it has no needs").block_on(async {
            let crowd = Crowd::default();
            let passes = Arc::new(Passes::new(crowd));
            let count = || passes.strangers.lock().unwrap_or_else(PoisonError::into_inner).len();
            let began = Instant::now();
            let admit = |now| {
                passes.admit(now, |pass| {
                    let waits = async move {
                        std::future::pending::<()>().await;
                        drop(pass);
                    };
                    tokio::spawn(waits).abort_handle()
                });
            };
            (0..200).for_each(|_| admit(began));
            assert_eq!(count(), 200, "none had its turn");
            passes.trim(began + TURN / 2);
            assert_eq!(count(), 200);
            passes.trim(began + TURN);
            assert_eq!(count(), STRANGERS);
            (0..crowd.new).for_each(|_| admit(began + TURN));
            assert_eq!(count(), crowd.new, "the old made room");
            passes.room().await;
            assert_eq!(count(), STRANGERS, "one more waited for the turn of the oldest");
        });
    }
}
