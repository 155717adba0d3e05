//! What a module's file gave, and why not more.

use std::path::PathBuf;

/// How much is known about a module's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
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

/// What a module gave, and why not more.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ModuleSymbols {
    /// Path of the module as the process sees it.
    pub module: String,
    /// The file that was used; `None` when there was none.
    pub file: Option<PathBuf>,
    /// What it knows.
    pub detail: Detail,
    /// Why names are missing, or not whole, lower case; empty when they are all there.
    pub reason: String,
    /// What would give more; empty when nothing would.
    pub fix: String,
}
