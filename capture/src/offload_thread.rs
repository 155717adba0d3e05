//! Runs requests that may wait for a lock of the program on a new OS thread with a deadline, so that the agent's
//! thread does not block.
//!
//! `mallinfo2` takes every arena's lock, and `smaps_rollup` the address space's. If a thread of the
//! program is stopped while it holds one, the request's thread waits for it, and the agent continues
//! to answer. At most one thread per [`OffloadThread`] waits: while it does, the next request is
//! refused after its own deadline. The waiting thread holds no lock of ours, and ends as soon as it gets the lock.

use std::io;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rgops_protocol::reply::Unavailable;
use tokio::sync::{Semaphore, oneshot};

use crate::program_threads;

/// Small, because requests are shallow calls into libc or the kernel.
const STACK_BYTES: usize = 128 * 1024;

/// Selects the descriptor table of a request's thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The agent's: for requests that open files.
    Agent,
    /// The program's: for requests that run or wake code of the program. They must not open files.
    Program,
}

/// Runs one request at a time.
#[derive(Debug)]
pub struct OffloadThread {
    name: &'static str,
    side: Side,
    deadline: Duration,
    /// The error when the deadline passes.
    stuck: &'static str,
    /// Its only permit moves to the request's thread, and is released when that ends.
    place: Arc<Semaphore>,
}

/// Delays the `afterwards` part of an answered request until it is dropped.
#[derive(Debug)]
pub struct Hold(
    #[expect(dead_code, reason = "it acts by being dropped")] mpsc::Sender<std::convert::Infallible>,
);

impl OffloadThread {
    /// For requests that open descriptors or need none. `name` is the thread's, at most 15 bytes; `stuck` is the error
    /// when the deadline passes.
    pub fn new(name: &'static str, deadline: Duration, stuck: &'static str) -> OffloadThread {
        OffloadThread { name, side: Side::Agent, deadline, stuck, place: Arc::new(Semaphore::new(1)) }
    }

    /// Like [`OffloadThread::new`], on a thread with the program's descriptors. Its requests must not open files.
    pub fn programs(name: &'static str, deadline: Duration, stuck: &'static str) -> OffloadThread {
        OffloadThread { side: Side::Program, ..OffloadThread::new(name, deadline, stuck) }
    }

    /// Runs `request` on a new thread. Waits at most one deadline for the previous request,
    /// and one more for this one.
    pub async fn ask<T: Send + 'static>(
        &self,
        request: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        Ok(self.ask_and_hold(request, || ()).await?.0)
    }

    /// Like [`OffloadThread::ask`]. When the returned [`Hold`] is dropped, or the caller stops waiting, the
    /// thread runs `afterwards` and ends. The next request waits for that.
    pub async fn ask_and_hold<T: Send + 'static>(
        &self,
        request: impl FnOnce() -> T + Send + 'static,
        afterwards: impl FnOnce() + Send + 'static,
    ) -> Result<(T, Hold), Unavailable> {
        let unavailable = |reason: String| Unavailable { reason, fix: String::new() };
        let Ok(Ok(place)) = tokio::time::timeout(self.deadline, self.place.clone().acquire_owned()).await
        else {
            return Err(unavailable(format!("{} (requested before, still waiting)", self.stuck)));
        };
        let (sender, receiver) = oneshot::channel();
        let (hold, held) = mpsc::channel::<std::convert::Infallible>();
        let work = move |started: io::Result<()>| {
            let answer = match started {
                Ok(()) => Ok(request()),
                Err(error) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            // After the deadline the receiver is gone.
            let _ = sender.send(answer);
            // No value is ever sent: this waits until the other end is dropped.
            let _ = held.recv();
            afterwards();
            drop(place);
        };
        // Not joined, because that would wait for the lock.
        match self.side {
            Side::Agent => program_threads::start(self.name, STACK_BYTES, Box::new(work)),
            Side::Program => program_threads::run(self.name, STACK_BYTES, work),
        }
        match tokio::time::timeout(self.deadline, receiver).await {
            Ok(Ok(Ok(answer))) => Ok((answer, Hold(hold))),
            Ok(Ok(Err(error))) => Err(unavailable(format!("cannot start a thread for the request: {error}"))),
            Ok(Err(_)) => Err(unavailable("the request panicked".to_owned())),
            Err(_) => Err(unavailable(self.stuck.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[tokio::test]
    async fn a_stuck_request_costs_one_thread_and_recovers_when_it_is_released() {
        let patient = OffloadThread::new("rgops-test", Duration::from_secs(60), "a lock is held");
        assert_eq!(patient.ask(|| 7).await.unwrap(), 7);
        let thread = OffloadThread::new("rgops-test", Duration::from_millis(20), "a lock is held");
        let (release, held) = mpsc::channel::<()>();
        let stuck = thread.ask(move || held.recv().is_ok()).await.unwrap_err();
        assert_eq!(stuck.reason, "a lock is held");
        let again = thread.ask(|| 7).await.unwrap_err();
        assert!(again.reason.contains("still waiting"));
        release.send(()).unwrap();
        let recovered = async {
            while thread.ask(|| 7).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), recovered).await.unwrap();
    }

    #[tokio::test]
    async fn a_panicking_request_releases_its_permit() {
        let thread = OffloadThread::new("rgops-test", Duration::from_secs(60), "a lock is held");
        assert!(thread.ask(|| -> u8 { panic!("on purpose") }).await.unwrap_err().reason.contains("panicked"));
        assert_eq!(thread.ask(|| 7).await.unwrap(), 7);
    }
}
