//! Which connections have shown the secret. Those that have not are strangers: there are few, and the oldest makes room.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

/// The most connections that have not shown the secret; one more ends the oldest.
const STRANGERS: usize = 64;
/// The most connections that have; requests of others wait. A browser opens six.
const KNOWN: usize = 64;

/// All connections.
pub(super) struct Passes {
    /// The oldest first.
    strangers: Mutex<VecDeque<(u64, AbortHandle)>>,
    next: Mutex<u64>,
    known: Arc<Semaphore>,
}

impl Default for Passes {
    fn default() -> Passes {
        Passes { strangers: Mutex::default(), next: Mutex::default(), known: Arc::new(Semaphore::new(KNOWN)) }
    }
}

/// What one connection has shown. It is a stranger until [`Pass::show`].
#[derive(Clone)]
pub(super) struct Pass(Arc<Shown>);

struct Shown {
    number: u64,
    passes: Arc<Passes>,
    is_known: AtomicBool,
    place: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Passes {
    /// Starts a connection, which is a stranger. If there are too many the oldest ends.
    pub(super) fn admit(self: &Arc<Passes>, start: impl FnOnce(Pass) -> AbortHandle) {
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
        strangers.push_back((number, start(Pass(Arc::new(shown)))));
        let oldest = (strangers.len() > STRANGERS).then(|| strangers.pop_front()).flatten();
        drop(strangers);
        if let Some((_, oldest)) = oldest {
            oldest.abort();
        }
    }

    fn forget(&self, number: u64) {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.retain(|(of, _)| *of != number);
    }
}

impl Pass {
    /// The connection has shown the secret. It is a stranger until one of the places for others is free.
    pub(super) async fn show(&self) {
        if self.is_known() {
            return;
        }
        let Ok(place) = Arc::clone(&self.0.passes.known).acquire_owned().await else { return };
        *self.0.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        self.0.is_known.store(true, Ordering::Relaxed);
        self.0.passes.forget(self.0.number);
    }

    /// Whether it has.
    pub(super) fn is_known(&self) -> bool {
        self.0.is_known.load(Ordering::Relaxed)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.passes.forget(self.number);
    }
}
