//! Requests the end of the agent's thread, and waits for it. Threads of the program make the request, so it must wake
//! the agent's thread without a descriptor: the agent's runtime sleeps on a futex (see `crate::reactor`).

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// The request to end, and whether the thread has ended. Dropping it requests nothing.
#[derive(Debug, Default)]
pub(crate) struct Shutdown {
    is_requested: AtomicBool,
    waker: Mutex<Option<Waker>>,
    is_ended: Mutex<bool>,
    ended: Condvar,
}

impl Shutdown {
    /// Requests the end of the agent.
    pub(crate) fn request(&self) {
        self.is_requested.store(true, Ordering::SeqCst);
        let waker = lock(&self.waker).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Completes when the end is requested.
    pub(crate) async fn requested(&self) {
        poll_fn(|context| {
            *lock(&self.waker) = Some(context.waker().clone());
            // After the waker is stored: a later request finds it.
            match self.is_requested.load(Ordering::SeqCst) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    /// Reports that the agent's thread has ended, except for its last steps.
    pub(crate) fn set_ended(&self) {
        *lock(&self.is_ended) = true;
        self.ended.notify_all();
    }

    pub(crate) fn has_ended(&self) -> bool {
        *lock(&self.is_ended)
    }

    /// Waits for the end of the thread; returns whether it came within the deadline.
    pub(crate) fn wait_until_ended(&self, deadline: Duration) -> bool {
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
