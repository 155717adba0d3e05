//! What a configuration is made from.

use std::path::{Path, PathBuf};

use super::address::Address;
use super::quoted::part_of_path;
use crate::fleet::Program;
use crate::metrics::shortened;

/// The file with the token, if none is told.
pub const DEFAULT_TOKEN_FILE: &str = "/etc/rgops/token";

/// What a configuration is made from: where `rgops serve` is, where its token is, and what runs now.
#[derive(Debug, Clone)]
pub struct Setup {
    pub(super) address: Address,
    pub(super) token_file: String,
    pub(super) has_token_file: bool,
    pub(super) programs: Vec<Seen>,
}

/// A program that runs now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) pid: u32,
    pub(super) name: String,
    /// No other program has this name.
    pub(super) is_unique: bool,
}

/// Why a path cannot be in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the path of the token file is not text, or has control characters")]
pub struct BadTokenFile;

impl Setup {
    /// `token_file` is named in the configuration and not read.
    ///
    /// # Errors
    /// [`BadTokenFile`]
    pub fn new(
        address: Address,
        token_file: Option<&Path>,
        programs: &[Program],
    ) -> Result<Setup, BadTokenFile> {
        // A relative path would be relative to the configuration.
        let path = token_file.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
        let path = path.unwrap_or_else(|| PathBuf::from(DEFAULT_TOKEN_FILE));
        let text = path.to_str().filter(|text| !text.chars().any(char::is_control)).ok_or(BadTokenFile)?;
        let is_unique = |name: &str| programs.iter().filter(|other| other.name == name).count() == 1;
        let seen = |program: &Program| Seen {
            pid: program.pid,
            name: shortened(&program.name),
            is_unique: is_unique(&program.name) && shortened(&program.name) == program.name,
        };
        Ok(Setup {
            address,
            token_file: text.to_owned(),
            has_token_file: token_file.is_some(),
            programs: programs.iter().map(seen).collect(),
        })
    }
}

impl Seen {
    /// What stands for it in paths: its name, which it has after a restart too, or its pid if others have the name.
    pub(super) fn id(&self) -> String {
        match self.is_unique && !self.name.is_empty() && self.name.parse::<u32>().is_err() {
            true => part_of_path(&self.name),
            false => self.pid.to_string(),
        }
    }
}
