//! Questions that may wait for a lock of the program are asked beside the agent's thread: on an OS
//! thread of their own, made for one question, with a deadline.
//!
//! `mallinfo2` takes every arena's lock and `smaps_rollup` the address space's. If a thread of the
//! program is stopped while it holds one, the asking thread waits with it, and the agent goes on
//! answering. At most one thread per [`OffloadThread`] ever waits: while it does, the next question is
//! refused after its own deadline. It holds no lock of its own meanwhile and ends as soon as it is let through.

use std::io;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rgops_protocol::reply::Unavailable;
use tokio::sync::{Semaphore, oneshot};

use crate::program_threads;

/// Small: the questions are shallow calls into libc or the kernel.
const STACK_BYTES: usize = 128 * 1024;

/// Whose descriptors the thread of a question has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The agent's: for all that opens anything.
    Agent,
    /// The program's: for all that runs code of the program or wakes it. It must open nothing.
    Program,
}

/// A place for one question at a time.
#[derive(Debug)]
pub struct OffloadThread {
    name: &'static str,
    side: Side,
    deadline: Duration,
    /// What it means when the deadline passes.
    stuck: &'static str,
    /// Its one permit goes with the question's thread and comes back when that ends.
    place: Arc<Semaphore>,
}

/// Keeps the thread of an answered question from what it does afterwards.
#[derive(Debug)]
pub struct Hold(
    #[expect(dead_code, reason = "it acts by being dropped")] mpsc::Sender<std::convert::Infallible>,
);

impl OffloadThread {
    /// `name` is the thread's, at most 15 bytes; `stuck` says what a passed deadline means. For what opens
    /// descriptors or needs none.
    pub fn new(name: &'static str, deadline: Duration, stuck: &'static str) -> OffloadThread {
        OffloadThread { name, side: Side::Agent, deadline, stuck, place: Arc::new(Semaphore::new(1)) }
    }

    /// The same on a thread that has the program's descriptors. What is asked there opens nothing.
    pub fn programs(name: &'static str, deadline: Duration, stuck: &'static str) -> OffloadThread {
        OffloadThread { side: Side::Program, ..OffloadThread::new(name, deadline, stuck) }
    }

    /// Asks `question` on a thread of its own; waits at most the deadline for the question before
    /// and once more for this one.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        Ok(self.ask_and_hold(question, || ()).await?.0)
    }

    /// The same; when the returned [`Hold`] is dropped, or nobody waits for the answer any more, the
    /// thread goes on with `afterwards` and ends. The next question waits for that.
    pub async fn ask_and_hold<T: Send + 'static>(
        &self,
        question: impl FnOnce() -> T + Send + 'static,
        afterwards: impl FnOnce() + Send + 'static,
    ) -> Result<(T, Hold), Unavailable> {
        let unavailable = |reason: String| Unavailable { reason, fix: String::new() };
        let Ok(Ok(place)) = tokio::time::timeout(self.deadline, self.place.clone().acquire_owned()).await
        else {
            return Err(unavailable(format!("{} (requested before, still waiting)", self.stuck)));
        };
        let (tell, told) = oneshot::channel();
        let (hold, held) = mpsc::channel::<std::convert::Infallible>();
        let work = move |started: io::Result<()>| {
            let answer = match started {
                Ok(()) => Ok(question()),
                Err(error) => {
                    let _ = tell.send(Err(error));
                    return;
                }
            };
            // Nobody listens any more after the deadline.
            let _ = tell.send(answer);
            // Nothing is ever sent: this waits for the other side to be dropped.
            let _ = held.recv();
            afterwards();
            drop(place);
        };
        // Not joined: that would wait for the lock.
        match self.side {
            Side::Agent => program_threads::start(self.name, STACK_BYTES, Box::new(work)),
            Side::Program => program_threads::run(self.name, STACK_BYTES, work),
        }
        match tokio::time::timeout(self.deadline, told).await {
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
    async fn a_stuck_question_costs_one_thread_and_recovers_when_let_through() {
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
    async fn a_panicking_question_frees_its_place() {
        let thread = OffloadThread::new("rgops-test", Duration::from_secs(60), "a lock is held");
        assert!(thread.ask(|| -> u8 { panic!("on purpose") }).await.unwrap_err().reason.contains("panicked"));
        assert_eq!(thread.ask(|| 7).await.unwrap(), 7);
    }
}
