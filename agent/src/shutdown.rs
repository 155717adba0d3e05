//! Tells the agent's thread to end. Rung by threads of the program, so it wakes by a futex alone: the agent's
//! runtime has no descriptor (see `crate::reactor`).

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// The bell, and what it is answered by. Dropping it rings nothing.
#[derive(Debug, Default)]
pub(crate) struct Shutdown {
    is_rung: AtomicBool,
    waker: Mutex<Option<Waker>>,
    is_ended: Mutex<bool>,
    ended: Condvar,
}

impl Shutdown {
    /// The agent is to end.
    pub(crate) fn ring(&self) {
        self.is_rung.store(true, Ordering::SeqCst);
        let waker = lock(&self.waker).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Completes when it is rung.
    pub(crate) async fn rung(&self) {
        poll_fn(|context| {
            *lock(&self.waker) = Some(context.waker().clone());
            // Behind the store: whoever rings afterwards finds the waker.
            match self.is_rung.load(Ordering::SeqCst) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    /// The agent's thread has ended, but for its last steps.
    pub(crate) fn tell_ended(&self) {
        *lock(&self.is_ended) = true;
        self.ended.notify_all();
    }

    pub(crate) fn has_ended(&self) -> bool {
        *lock(&self.is_ended)
    }

    /// Waits for that; whether it came in time.
    pub(crate) fn wait_for_the_end(&self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        let mut is_ended = lock(&self.is_ended);
        while !*is_ended {
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return false;
            }
            is_ended = self.ended.wait_timeout(is_ended, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
