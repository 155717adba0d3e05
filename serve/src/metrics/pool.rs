//! A bounded number of threads that ask programs. A thread ends when nothing is left to ask.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// A question.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// Threads for one kind of program. A clone is the same pool.
#[derive(Clone)]
pub(super) struct Pool(Arc<Inner>);

struct Inner {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    threads: usize,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pool").field("most", &self.0.most).finish_non_exhaustive()
    }
}

impl Pool {
    /// At most so many threads at a time.
    pub(super) fn new(most: usize) -> Pool {
        Pool(Arc::new(Inner { most, state: Mutex::default() }))
    }

    /// Runs the job on a thread, when one is free. A job that is dropped without having run is lost: the system gives no
    /// thread, and no other one runs.
    pub(super) fn run(&self, job: Job) {
        let mut state = self.0.lock();
        state.waiting.push_back(job);
        if state.threads >= self.0.most {
            return;
        }
        state.threads += 1;
        drop(state);
        let inner = Arc::clone(&self.0);
        let spawned =
            std::thread::Builder::new().name("rgops-metrics".to_owned()).spawn(move || inner.work());
        if spawned.is_err() {
            let mut state = self.0.lock();
            state.threads -= 1;
            if state.threads == 0 {
                // Dropping a question answers it. It may need the lock of this pool's user, so not under ours.
                let lost = std::mem::take(&mut state.waiting);
                drop(state);
                drop(lost);
            }
        }
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        let job = state.waiting.pop_front();
        if job.is_none() {
            state.threads -= 1;
        }
        job
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            // A panic is a bug. It must not take the thread's place in the count.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
        }
    }
}
