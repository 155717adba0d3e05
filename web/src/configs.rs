//! Saved configs: named options, kept where the caller keeps them.

use std::sync::{Mutex, PoisonError};

/// Options under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its name, for people.
    pub name: String,
    /// Names and values of options, as [`Settings::set`](rgops_pprof::Settings::set) takes them. Those that are not
    /// here have the values the analyser began with.
    pub options: Vec<(String, String)>,
}

/// Keeps configs: in a file, in memory.
pub trait ConfigStore: Send + Sync {
    /// All of them, in the order in which they were saved first.
    ///
    /// # Errors
    /// Why they cannot be read, for people.
    fn load(&self) -> Result<Vec<Config>, String>;

    /// Saves one, instead of that with its name if there is one.
    ///
    /// # Errors
    /// Why it cannot be saved, for people.
    fn save(&self, config: Config) -> Result<(), String>;

    /// Deletes the one with this name.
    ///
    /// # Errors
    /// If there is none, or why it cannot be deleted, for people.
    fn delete(&self, name: &str) -> Result<(), String>;
}

/// Configs that are gone when the server is.
#[derive(Debug, Default)]
pub struct InMemory(Mutex<Vec<Config>>);

impl ConfigStore for InMemory {
    fn load(&self) -> Result<Vec<Config>, String> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn save(&self, config: Config) -> Result<(), String> {
        let mut configs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match configs.iter_mut().find(|of| of.name == config.name) {
            Some(of) => *of = config,
            None => configs.push(config),
        }
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), String> {
        let mut configs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = configs.len();
        configs.retain(|config| config.name != name);
        if configs.len() == before { Err(format!("there is no config {name:?}")) } else { Ok(()) }
    }
}
