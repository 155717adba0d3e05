//! Ends a running command early, from another thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::answer::Finisher;

/// Ends a command early: the agent sends what it has gathered. Clones stop the same command; a Ctrl-C handler
/// keeps one.
#[derive(Debug, Clone, Default)]
pub struct Stopper {
    is_asked: Arc<AtomicBool>,
    finisher: Arc<Mutex<Option<Finisher>>>,
}

impl Stopper {
    /// Asks the agent to end the command that runs, or the next one if none does. Its answer then has a few
    /// seconds to end.
    pub fn stop(&self) {
        self.is_asked.store(true, Ordering::SeqCst);
        let finisher = self.finisher().clone();
        if let Some(finisher) = finisher {
            finisher.finish();
        }
    }

    /// Sets whom to ask; asks at once if it was stopped before.
    pub(crate) fn set(&self, finisher: Finisher) {
        *self.finisher() = Some(finisher.clone());
        if self.is_asked.load(Ordering::SeqCst) {
            finisher.finish();
        }
    }

    /// The command is over: what is stopped from now on is the next one.
    pub(crate) fn reset(&self) {
        *self.finisher() = None;
        self.is_asked.store(false, Ordering::SeqCst);
    }

    fn finisher(&self) -> MutexGuard<'_, Option<Finisher>> {
        self.finisher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
