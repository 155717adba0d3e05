//! The symbols found in a module's file, and why more are missing.

use std::path::PathBuf;

use crate::debuginfod::Missing;

/// How much is known about a module's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Detail {
    /// No names.
    Nothing,
    /// Names of exported functions only (`.dynsym`).
    ExportedFunctions,
    /// Names of functions, without inlined frames and lines (`.symtab`).
    Functions,
    /// Functions, inlined frames, files and lines (DWARF).
    Lines,
}

/// The symbols found for a module, and why more are missing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ModuleSymbols {
    /// Path of the module as the process sees it.
    pub module: String,
    /// The file that was used; `None` when none was.
    pub file: Option<PathBuf>,
    /// The detail that the file has.
    pub detail: Detail,
    /// Why names are missing or incomplete, lower case; empty when they are complete.
    pub reason: String,
    /// How to get more; empty when nothing helps.
    pub fix: String,
}

impl ModuleSymbols {
    /// Adds why the servers of the operator had nothing, and what to do about that.
    pub(super) fn note(&mut self, missing: &Missing) {
        let separator = if self.reason.is_empty() { "" } else { "; " };
        self.reason.push_str(&format!("{separator}{}", missing.reason));
        if !missing.fix.is_empty() {
            self.fix.clone_from(&missing.fix);
        }
    }
}
