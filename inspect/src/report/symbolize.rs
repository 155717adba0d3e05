//! `rgops symbolize`: which names were found for a saved profile.

use std::fmt::Write as _;

use serde::Serialize;

use crate::profile::{NamedModule, Symbolized};
use crate::symbols::file_name;
use crate::text::escape;

/// The JSON contract `rgops.symbolize/1`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JsonSymbolize<'a> {
    /// `rgops.symbolize/1`.
    schema: &'static str,
    /// The file that was written.
    file: Option<&'a str>,
    /// Modules with addresses in the profile.
    modules: &'a [NamedModule],
}

/// The document; `file` is the one that was written.
pub fn json<'a>(symbolized: &'a Symbolized, file: Option<&'a str>) -> JsonSymbolize<'a> {
    JsonSymbolize { schema: "rgops.symbolize/1", file, modules: &symbolized.modules }
}

/// A line a module, with the reason and the fix where names are missing.
pub fn text(symbolized: &Symbolized) -> String {
    let mut text = String::new();
    for NamedModule { build_id, addresses, had_lines, named, symbols } in &symbolized.modules {
        let id = match build_id.get(..12) {
            Some(start) => format!(" ({start}…)"),
            None => String::new(),
        };
        let wanted = addresses - had_lines;
        let module = escape(file_name(&symbols.module));
        let _ = write!(
            text,
            "{module}{id}: {named} of {} named",
            match wanted {
                1 => "1 address".to_owned(),
                wanted => format!("{wanted} addresses"),
            }
        );
        if *had_lines > 0 {
            let _ = write!(text, ", {had_lines} had lines before");
        }
        if let Some(file) = symbols.file.as_ref().filter(|_| *named > 0) {
            let _ = write!(text, ", from {}", escape(&file.display().to_string()));
        }
        text.push('\n');
        if named < &wanted && !symbols.reason.is_empty() {
            let _ = writeln!(text, "  {}", escape(&symbols.reason));
        }
        if named < &wanted && !symbols.fix.is_empty() {
            let _ = writeln!(text, "  fix: {}", escape(&symbols.fix));
        }
    }
    text
}

/// Whether no address got a name that lacked one.
pub fn is_in_vain(symbolized: &Symbolized) -> bool {
    let lacking = symbolized.modules.iter().any(|module| module.addresses > module.had_lines);
    lacking && symbolized.modules.iter().all(|module| module.named == 0)
}
