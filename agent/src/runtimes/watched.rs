//! The Tokio runtimes the agent reads counters of.

#[cfg(native_engine)]
use std::sync::Arc;
use std::sync::Mutex;

use tokio::runtime::Handle;
#[cfg(native_engine)]
use tokio::task::LocalSet;

#[cfg(native_engine)]
use super::anchors::Anchors;

/// A runtime and the name it is shown under.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) handle: Handle,
    /// Our own tasks on it.
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

    /// Tasks that have not ended, as Tokio counts them, our own left out. One of ours that is just ending may be
    /// among them: Tokio says that a task is finished a moment before it stops to count it.
    pub(crate) fn alive_tasks(&self) -> u64 {
        // Ours first: one that ends in between is then not taken for the program's.
        #[cfg(native_engine)]
        let ours = self.anchors.alive();
        #[cfg(not(native_engine))]
        let ours = 0;
        (self.handle.metrics().num_alive_tasks() as u64).saturating_sub(ours as u64)
    }

    /// Tasks in the global queue, our own left out. Ours are spawned from outside and end when they are
    /// polled, so those that live wait there: the workers of the runtime are stuck.
    pub(crate) fn global_queue(&self) -> u64 {
        #[cfg(native_engine)]
        let ours = self.anchors.alive();
        #[cfg(not(native_engine))]
        let ours = 0;
        (self.handle.metrics().global_queue_depth() as u64).saturating_sub(ours as u64)
    }
}

/// `Handle::id` for Tokio before 1.49, where it is not stable. Later ones have a method of their own
/// by that name, which Rust prefers to a trait's.
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

/// What a handle is made of: a pointer to the runtime and its kind. None are equal to nothing.
struct HandleWords(Vec<u64>);

impl PartialEq for HandleWords {
    fn eq(&self, other: &HandleWords) -> bool {
        !self.0.is_empty() && self.0 == other.0
    }
}

/// A `LocalSet` and the name it is shown under. It is reached by tasks of ours in it alone: it belongs to
/// its thread.
#[cfg(native_engine)]
#[derive(Debug, Clone)]
pub(crate) struct WatchedLocalSet {
    pub(crate) name: String,
    pub(crate) anchors: Arc<Anchors>,
}

/// The runtimes of one agent. The locks are held only to copy or extend the lists, by the agent's
/// thread and by `watch`; nothing of the program runs under them.
#[derive(Debug, Default)]
pub(crate) struct WatchedRuntimes {
    runtimes: Mutex<Vec<Watched>>,
    #[cfg(native_engine)]
    local_sets: Mutex<Vec<WatchedLocalSet>>,
}

impl WatchedRuntimes {
    /// Adds a runtime; one that is watched already keeps its first name.
    pub(crate) fn add(&self, handle: &Handle, name: &str) {
        let mut list = self.runtimes.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !list.iter().any(|watched| watched.handle.id() == handle.id()) {
            list.push(Watched::new(handle, name));
        }
    }

    pub(crate) fn list(&self) -> Vec<Watched> {
        self.runtimes.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Adds a `LocalSet`, whose thread this is.
    #[cfg(native_engine)]
    pub(crate) fn add_local_set(&self, local_set: &LocalSet, name: &str) {
        // Its tasks are spawned before the lock is taken: a hook of the program runs meanwhile.
        let anchors = Arc::new(Anchors::in_local_set(local_set));
        let mut list = self.local_sets.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // Those that ended with their thread are replaced by the next, and none piles up.
        list.retain(|watched| watched.anchors.alive() > 0);
        list.push(WatchedLocalSet { name: name.to_owned(), anchors });
    }

    #[cfg(native_engine)]
    pub(crate) fn local_sets(&self) -> Vec<WatchedLocalSet> {
        self.local_sets.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Has our tasks in `LocalSet`s end. It may wait for a lock of theirs: not for the agent's thread.
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
    fn old_versions_of_tokio_tell_runtimes_apart_by_the_words_of_their_handles() {
        let make = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (one, other) = (make(), make());
        assert!(Identity::id(one.handle()) == Identity::id(&one.handle().clone()));
        assert!(Identity::id(one.handle()) != Identity::id(other.handle()));
    }
}
