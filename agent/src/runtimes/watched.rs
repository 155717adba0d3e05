//! The Tokio runtimes and `LocalSet`s that the agent watches.

#[cfg(native_engine)]
use std::sync::Arc;
use std::sync::Mutex;

use tokio::runtime::Handle;
#[cfg(native_engine)]
use tokio::task::LocalSet;

#[cfg(native_engine)]
use super::anchors::Anchors;

/// A runtime and the name under which it is shown.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) handle: Handle,
    /// The agent's own tasks on it.
    #[cfg(native_engine)]
    pub(crate) anchors: Arc<Anchors>,
}

impl Watched {
    fn new(handle: &Handle, name: &str) -> Watched {
        Watched {
            name: name.to_owned(),
            handle: handle.clone(),
            #[cfg(native_engine)]
            anchors: Arc::default(),
        }
    }

    /// Tasks that have not ended, as Tokio counts them, without the anchors. The count may include an anchor that
    /// is just ending: Tokio reports a task as finished a moment before it stops to count it.
    pub(crate) fn alive_tasks(&self) -> u64 {
        // The anchors are counted first. So an anchor that ends in between is not counted as a task of the program.
        #[cfg(native_engine)]
        let ours = self.anchors.alive();
        #[cfg(not(native_engine))]
        let ours = 0;
        (self.handle.metrics().num_alive_tasks() as u64).saturating_sub(ours as u64)
    }

    /// Tasks in the global queue, without the anchors. Anchors are spawned from outside the runtime and end when
    /// they are polled. So anchors that are alive are in this queue, because all workers are stuck.
    pub(crate) fn global_queue(&self) -> u64 {
        #[cfg(native_engine)]
        let ours = self.anchors.alive();
        #[cfg(not(native_engine))]
        let ours = 0;
        (self.handle.metrics().global_queue_depth() as u64).saturating_sub(ours as u64)
    }
}

/// `Handle::id` for Tokio before 1.49, where it is not stable. Later versions have an inherent method with this
/// name, which Rust prefers to the trait's method.
#[allow(dead_code, reason = "used only with old versions of Tokio")]
trait Identity {
    fn id(&self) -> HandleWords;
}

impl Identity for Handle {
    fn id(&self) -> HandleWords {
        #[cfg(native_engine)]
        let words = rgops_capture::handle::words(self);
        #[cfg(not(native_engine))]
        let words = Vec::new();
        HandleWords(words)
    }
}

/// The words of a handle: a pointer to the runtime, and its kind. A handle without words equals no other handle.
struct HandleWords(Vec<u64>);

impl PartialEq for HandleWords {
    fn eq(&self, other: &HandleWords) -> bool {
        !self.0.is_empty() && self.0 == other.0
    }
}

/// A `LocalSet` and the name under which it is shown. It belongs to its thread, so the agent reaches it only through
/// the anchors in it.
#[cfg(native_engine)]
#[derive(Debug, Clone)]
pub(crate) struct WatchedLocalSet {
    pub(crate) name: String,
    pub(crate) anchors: Arc<Anchors>,
}

/// The runtimes of one agent. The locks are held only to copy or extend the lists, by the agent's thread and by
/// `watch`. No code of the program runs under them.
#[derive(Debug, Default)]
pub(crate) struct WatchedRuntimes {
    runtimes: Mutex<Vec<Watched>>,
    #[cfg(native_engine)]
    local_sets: Mutex<Vec<WatchedLocalSet>>,
}

impl WatchedRuntimes {
    /// Adds a runtime. A runtime that is already watched keeps its first name.
    pub(crate) fn add(&self, handle: &Handle, name: &str) {
        let mut list = self.runtimes.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !list.iter().any(|watched| watched.handle.id() == handle.id()) {
            list.push(Watched::new(handle, name));
        }
    }

    pub(crate) fn list(&self) -> Vec<Watched> {
        self.runtimes.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Adds a `LocalSet`. Call it on the thread of the `LocalSet`.
    #[cfg(native_engine)]
    pub(crate) fn add_local_set(&self, local_set: &LocalSet, name: &str) {
        // The anchors are spawned before the lock is taken, because spawning may run a hook of the program.
        let anchors = Arc::new(Anchors::in_local_set(local_set));
        let mut list = self.local_sets.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // Sets that were dropped are removed, so that they do not pile up.
        list.retain(|watched| watched.anchors.alive() > 0);
        list.push(WatchedLocalSet { name: name.to_owned(), anchors });
    }

    #[cfg(native_engine)]
    pub(crate) fn local_sets(&self) -> Vec<WatchedLocalSet> {
        self.local_sets.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Aborts the anchors in all `LocalSet`s. Not for the agent's thread: it may wait for a lock of a `LocalSet`.
    #[cfg(native_engine)]
    pub(crate) fn leave_local_sets(&self) {
        self.local_sets().iter().for_each(|watched| watched.anchors.release());
    }
}

#[cfg(all(test, native_engine))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn with_old_versions_of_tokio_runtimes_are_distinguished_by_the_words_of_their_handles() {
        let make = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (one, other) = (make(), make());
        assert!(Identity::id(one.handle()) == Identity::id(&one.handle().clone()));
        assert!(Identity::id(one.handle()) != Identity::id(other.handle()));
    }
}
