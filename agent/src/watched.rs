//! The Tokio runtimes the agent reads counters of.

use std::sync::Mutex;

use tokio::runtime::Handle;

/// A runtime and the name it is shown under.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) handle: Handle,
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
            list.push(Watched { name: name.to_owned(), handle: handle.clone() });
        }
    }

    pub(crate) fn list(&self) -> Vec<Watched> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}
