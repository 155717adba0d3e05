//! The Tokio runtimes the agent reads counters of.

use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;

#[cfg(native_engine)]
use crate::tasks::anchors::Anchors;

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

    /// Tasks that have not ended, as Tokio counts them, our own left out.
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
#[allow(dead_code, reason = "used with old versions of Tokio alone")]
trait Identity {
    fn id(&self) -> HandleWords;
}

impl Identity for Handle {
    fn id(&self) -> HandleWords {
        #[cfg(native_engine)]
        let words = crate::engine::handle::words(self);
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

/// The runtimes of one agent. The lock is held only to copy or extend the list, by the agent's
/// thread and by `watch`; nothing of the program runs under it.
#[derive(Debug, Default)]
pub(crate) struct WatchedRuntimes(Mutex<Vec<Watched>>);

impl WatchedRuntimes {
    /// Adds a runtime; one that is watched already keeps its first name.
    pub(crate) fn add(&self, handle: &Handle, name: &str) {
        let mut list = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !list.iter().any(|watched| watched.handle.id() == handle.id()) {
            list.push(Watched::new(handle, name));
        }
    }

    pub(crate) fn list(&self) -> Vec<Watched> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}

#[cfg(all(test, native_engine))]
mod tests {
    use super::*;

    #[test]
    fn old_versions_of_tokio_tell_runtimes_apart_by_the_words_of_their_handles() {
        let make = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (one, other) = (make(), make());
        assert!(Identity::id(one.handle()) == Identity::id(&one.handle().clone()));
        assert!(Identity::id(one.handle()) != Identity::id(other.handle()));
    }
}
