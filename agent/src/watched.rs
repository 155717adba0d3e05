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
