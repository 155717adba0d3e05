//! What is analysed: a profile, and where what it does not have comes from.

use std::sync::Arc;

use rgops_pprof::environment::{Environment, Nothing};
use rgops_pprof::{Profile, Settings};

use crate::configs::{ConfigStore, InMemory};

/// A profile to show, and what its pages need beside it.
#[derive(Clone)]
pub struct Analyser {
    /// The profile. A difference to another (`-base`, `-diff_base`) is a profile with negative values.
    pub(crate) profile: Arc<Profile>,
    /// What it is, for people: the name of the file or the target.
    pub(crate) name: String,
    /// Source files and instructions.
    pub(crate) environment: Arc<dyn Environment + Send + Sync>,
    /// Options where the address of a page says nothing.
    pub(crate) settings: Settings,
    /// Saved configs.
    pub(crate) configs: Arc<dyn ConfigStore>,
    /// The page that the analyser was opened from: its address and its name.
    pub(crate) home: Option<(String, String)>,
}

impl Analyser {
    /// Analyses `profile`, called `name`: without files, with options for Rust, and configs that end with the server.
    pub fn new(profile: Arc<Profile>, name: impl Into<String>) -> Analyser {
        let mut settings = Settings::default();
        settings.rust = true;
        Analyser {
            profile,
            name: name.into(),
            environment: Arc::new(Nothing),
            settings,
            configs: Arc::new(InMemory::default()),
            home: None,
        }
    }

    /// Source files and instructions come from `environment`.
    #[must_use]
    pub fn environment(self, environment: Arc<dyn Environment + Send + Sync>) -> Analyser {
        Analyser { environment, ..self }
    }

    /// The options of a page whose address sets none. Those that no address can set, such as `source_path`, have these
    /// values on all pages.
    #[must_use]
    pub fn settings(self, settings: Settings) -> Analyser {
        Analyser { settings, ..self }
    }

    /// Saved configs are kept in `configs`.
    #[must_use]
    pub fn configs(self, configs: Arc<dyn ConfigStore>) -> Analyser {
        Analyser { configs, ..self }
    }

    /// Pages have a link to where they were opened: its address, and its name for people.
    #[must_use]
    pub fn home(self, address: impl Into<String>, name: impl Into<String>) -> Analyser {
        Analyser { home: Some((address.into(), name.into())), ..self }
    }
}

impl std::fmt::Debug for Analyser {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Analyser").field("name", &self.name).finish_non_exhaustive()
    }
}
