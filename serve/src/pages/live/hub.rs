//! One sampler for all viewers of a page: it starts with the first, and ends when the last has left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until};

use crate::fleet::Program;

/// From the begin of a round to that of the next. A round asks a program twice at most.
const INTERVAL: Duration = Duration::from_secs(2);
/// The least time between two rounds.
const PAUSE: Duration = Duration::from_secs(1);
/// The most viewers of all pages together.
const VIEWERS: usize = 64;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// All programs.
    Host,
    /// One program.
    Program(Program),
}

/// What makes the numbers.
pub(crate) trait Round: Send + 'static {
    /// Looks once, and returns what viewers get: JSON without line ends. It is dropped when the last viewer leaves.
    fn round(&mut self) -> impl Future<Output = String> + Send;
}

/// What the last round found. `None` before the first.
pub(super) type Numbers = Option<Arc<str>>;

/// The samplers of pages that somebody looks at.
#[derive(Debug)]
pub(crate) struct Hub {
    samplers: Mutex<HashMap<Key, watch::Sender<Numbers>>>,
    seats: Arc<Semaphore>,
}

impl Default for Hub {
    fn default() -> Hub {
        Hub { samplers: Mutex::default(), seats: Arc::new(Semaphore::new(VIEWERS)) }
    }
}

/// Somebody who looks.
#[derive(Debug)]
pub(crate) struct Viewer {
    pub(super) numbers: watch::Receiver<Numbers>,
    /// Given back when the viewer is dropped.
    pub(super) seat: OwnedSemaphorePermit,
}

impl Hub {
    /// A seat for somebody who looks at something; `None` if all are taken.
    pub(crate) fn seat(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.seats).try_acquire_owned().ok()
    }

    /// A viewer of `key`. If it is the first, what `start` returns makes the numbers. `None` if there are too many.
    pub(crate) fn join<R: Round>(self: &Arc<Self>, key: Key, start: impl FnOnce() -> R) -> Option<Viewer> {
        let seat = self.seat()?;
        let mut samplers = self.samplers.lock().unwrap_or_else(PoisonError::into_inner);
        let numbers = match samplers.get(&key) {
            Some(sampler) => sampler.subscribe(),
            None => {
                let sampler = watch::Sender::new(None);
                let numbers = sampler.subscribe();
                samplers.insert(key.clone(), sampler.clone());
                tokio::spawn(Arc::clone(self).sample(key, sampler, start()));
                numbers
            }
        };
        Some(Viewer { numbers, seat })
    }

    async fn sample<R: Round>(self: Arc<Self>, key: Key, sampler: watch::Sender<Numbers>, mut rounds: R) {
        loop {
            let began = Instant::now();
            let round = async {
                let numbers = rounds.round().await;
                sampler.send_replace(Some(numbers.into()));
                sleep_until((began + INTERVAL).max(Instant::now() + PAUSE)).await;
            };
            tokio::select! {
                () = round => {}
                () = sampler.closed() => {}
            }
            // Who joins holds the same lock: a viewer is never left with a sampler that has ended.
            let mut samplers = self.samplers.lock().unwrap_or_else(PoisonError::into_inner);
            if sampler.receiver_count() == 0 {
                samplers.remove(&key);
                return;
            }
        }
    }

    /// How many samplers run.
    #[cfg(test)]
    fn running(&self) -> usize {
        self.samplers.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Counting(Arc<AtomicUsize>);

    impl Round for Counting {
        async fn round(&mut self) -> String {
            self.0.fetch_add(1, Ordering::SeqCst).to_string()
        }
    }

    #[test]
    fn viewers_share_a_sampler_that_ends_with_the_last() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let (hub, rounds) = (Arc::new(Hub::default()), Arc::new(AtomicUsize::new(0)));
            let join = || {
                let rounds = Arc::clone(&rounds);
                hub.join(Key::Host, || Counting(rounds)).expect("there is room")
            };
            let (mut one, two) = (join(), join());
            one.numbers.changed().await.expect("the sampler runs");
            assert_eq!((one.numbers.borrow().as_deref(), hub.running()), (Some("0"), 1));
            drop(one);
            assert_eq!((two.numbers.borrow().as_deref(), hub.running()), (Some("0"), 1));
            drop(two);
            while hub.running() > 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(rounds.load(Ordering::SeqCst), 1);
            let seats: Vec<Viewer> = (0..VIEWERS).map(|_| join()).collect();
            assert!(hub.seat().is_none() && seats.len() == VIEWERS);
        });
    }
}
