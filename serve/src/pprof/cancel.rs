//! Ends what is being made, because nobody waits for it any more.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rgops_inspect::session::{Budget, Session, Stopper};
use tokio::sync::Notify;

/// Ends what is being made. A clone ends the same.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    woken: Condvar,
    notify: Notify,
}

#[derive(Debug, Default)]
struct State {
    is_asked: bool,
    running: Option<(Stopper, Budget)>,
}

impl Cancel {
    /// Ends it: the command that its session runs, and its pauses.
    pub fn cancel(&self) {
        let running = {
            let mut state = self.state();
            state.is_asked = true;
            state.running.take()
        };
        if let Some(running) = running {
            end(&running);
        }
        self.0.woken.notify_all();
        self.0.notify.notify_waiters();
    }

    /// Whether it is to end.
    pub fn is_cancelled(&self) -> bool {
        self.state().is_asked
    }

    /// Waits until it is to end.
    pub(super) async fn cancelled(&self) {
        loop {
            let notified = self.0.notify.notified();
            if self.is_cancelled() {
                return;
            }
            notified.await;
        }
    }

    /// From now on it ends the commands of this session, which has this budget.
    pub(super) fn watch(&self, session: &Session, budget: &Budget) {
        let running = (session.stopper(), budget.clone());
        let mut state = self.state();
        match state.is_asked {
            true => end(&running),
            false => state.running = Some(running),
        }
    }

    /// A pause that ends early when it is to end; then it returns false.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        let mut state = self.state();
        while !state.is_asked {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            state = self.0.woken.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The agent stops to gather, and no time is left for what it sends and for names.
fn end((stopper, budget): &(Stopper, Budget)) {
    stopper.stop();
    budget.end_by(Instant::now());
}
