//! How a program was built, derived from section and symbol names.

use rgops_protocol::reply::Known;
use rgops_protocol::reply::version::VersionReply;
use serde::Serialize;

/// How much debug information the executable has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DebugInfo {
    /// Everything: types and variables (`debug = "full"`).
    Full,
    /// Functions, files and lines (`debug = "line-tables-only"` or `"limited"`).
    LineTables,
    /// Only that of the precompiled standard library.
    StandardLibrary,
    /// In a separate file that the executable names (`.gnu_debuglink`).
    SeparateFile,
    /// None.
    None,
}

impl DebugInfo {
    /// The level as text, with the fix to get more.
    pub fn describe(self) -> &'static str {
        match self {
            DebugInfo::Full => "full",
            DebugInfo::LineTables => "line tables: functions, files and lines",
            DebugInfo::StandardLibrary => {
                "standard library only (fix: debug = \"line-tables-only\" in the Cargo profile adds files and lines)"
            }
            DebugInfo::SeparateFile => "in a separate file",
            DebugInfo::None => {
                "none (fix: debug = \"line-tables-only\" in the Cargo profile adds files and lines)"
            }
        }
    }
}

/// The level, from the names of the sections.
///
/// Based on the output of rustc 1.95 for every level at opt-level 0 and 3: the precompiled standard
/// library always has `.debug_info` and `.debug_line` unless cargo strips it; `.debug_gdb_scripts`
/// exists at any level above none, `.debug_loc` (`.debug_loclists` in DWARF 5) only at full.
pub fn debug_info(sections: &Known<Vec<String>>) -> Known<DebugInfo> {
    sections.clone().map(|sections| {
        let has = |name: &str| sections.iter().any(|section| section == name);
        // Compressed sections of old linkers are `.zdebug_…`.
        let has_debug = |name: &str| has(&format!(".debug_{name}")) || has(&format!(".zdebug_{name}"));
        match has_debug("line") {
            true if has_debug("info") && (has_debug("loc") || has_debug("loclists")) => DebugInfo::Full,
            true if has(".debug_gdb_scripts") || !has_debug("info") => DebugInfo::LineTables,
            true => DebugInfo::StandardLibrary,
            false if has(".gnu_debuglink") => DebugInfo::SeparateFile,
            false => DebugInfo::None,
        }
    })
}

/// Whether the executable has its symbol table.
pub fn has_symbols(sections: &Known<Vec<String>>) -> Known<bool> {
    sections.clone().map(|sections| sections.iter().any(|section| section == ".symtab"))
}

/// How rustc encoded names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Mangling {
    /// RFC 2603: names include their generic arguments.
    V0,
    /// Like C++, with a hash instead of generic arguments.
    Legacy,
}

impl Mangling {
    /// `v0` or `legacy`.
    pub fn name(self) -> &'static str {
        match self {
            Mangling::V0 => "v0",
            Mangling::Legacy => "legacy",
        }
    }
}

/// The mangling, derived from the first symbol. The agent sends its own symbols first: unlike those of the standard
/// library, they were compiled with the program.
pub fn mangling(reply: &VersionReply) -> Known<Mangling> {
    match &reply.symbols {
        Known::Unavailable(missing) => Known::Unavailable(missing.clone()),
        Known::Value(symbols) => match symbols.first() {
            Some(symbol) if symbol.starts_with("_R") => Known::Value(Mangling::V0),
            Some(_) => Known::Value(Mangling::Legacy),
            None => Known::unavailable("the executable has no Rust symbols: it is stripped", ""),
        },
    }
}
