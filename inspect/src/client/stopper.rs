//! Ends a running command early, from another thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::answer::Finisher;

/// Stops a command early: the agent then sends the data it has gathered. Clones stop the same command; a
/// Ctrl-C handler keeps one.
#[derive(Debug, Clone, Default)]
pub struct Stopper {
    is_asked: Arc<AtomicBool>,
    finisher: Arc<Mutex<Option<Finisher>>>,
}

impl Stopper {
    /// Asks the agent to end the running command, or the next one if none runs. Its answer then has a few
    /// seconds to end.
    pub fn stop(&self) {
        self.is_asked.store(true, Ordering::SeqCst);
        let finisher = self.finisher().clone();
        if let Some(finisher) = finisher {
            finisher.finish();
        }
    }

    /// A command that starts now.
    pub fn running(&self) -> Running {
        Running(self.clone())
    }

    fn finisher(&self) -> MutexGuard<'_, Option<Finisher>> {
        self.finisher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A command that runs until this is dropped: from then on `stop` applies to the next one.
#[derive(Debug)]
pub struct Running(Stopper);

impl Running {
    /// Sets the agent to ask; asks at once if `stop` was called before.
    pub fn set(&self, finisher: Finisher) {
        *self.0.finisher() = Some(finisher.clone());
        if self.0.is_asked.load(Ordering::SeqCst) {
            finisher.finish();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.finisher() = None;
        self.0.is_asked.store(false, Ordering::SeqCst);
    }
}
