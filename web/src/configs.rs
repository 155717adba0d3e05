//! Saved configs: named options, kept where the caller keeps them.

use std::sync::{Mutex, PoisonError};

use crate::visible::is_invisible;

/// Options under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its name, for people.
    pub name: String,
    /// Names and values of options, as [`Settings::set`](rgops_pprof::Settings::set) takes them. Those that are not
    /// here have the values the analyser began with.
    pub options: Vec<(String, String)>,
}

/// The most configs: more are not saved, and not shown.
pub(crate) const MOST_CONFIGS: usize = 200;
/// The most characters of a name.
const NAME_CHARS: usize = 100;

impl Config {
    /// Whether a config may be saved under this name.
    ///
    /// # Errors
    /// Why it may not, for people.
    pub fn check_name(name: &str) -> Result<(), String> {
        let chars = name.chars().count();
        if name.trim().is_empty() || chars > NAME_CHARS {
            return Err(format!(
                "The name of a config has 1 to {NAME_CHARS} characters. Go back and write one."
            ));
        }
        if name.trim().eq_ignore_ascii_case("default") {
            return Err(
                "\"Default\" is the name of the first options. Go back and write another one.".to_owned()
            );
        }
        if name.chars().any(|of| of.is_control() || is_invisible(of)) {
            return Err(
                "The name has characters that cannot be seen. Go back and write it without.".to_owned()
            );
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mislead_are_refused() {
        for name in
            ["", "  ", "Default", " default", "a\nb", "a\u{202e}b", "\u{200b}", "a\u{85}", &"x".repeat(101)]
        {
            assert!(Config::check_name(name).is_err(), "{name:?}");
        }
        for name in ["mine", "<é> \"x\"", "defaults"] {
            assert_eq!(Config::check_name(name), Ok(()));
        }
    }
}
