//! The names of futures where their types are not described: from the poll functions' own names.
//!
//! With `debug = 1`, DWARF names the function `poll<FUTURE, SCHEDULER>`. Without debug information
//! the symbol table does so in the v0 mangling; the legacy one leaves the parameters out.

use std::collections::HashMap;
use std::sync::Arc;

use crate::symbols::SymbolTables;

/// How Tokio's poll functions are named in v0 symbols, demangled.
const POLL_SYMBOL: &str = "tokio::runtime::task::raw::poll::<";

/// A v0 symbol may stand for a name that is exponentially longer; one of so many bytes is nobody's
/// to read.
const LONGEST_SYMBOL: usize = 16 << 10;

/// Futures by the addresses of their poll functions, from a file's symbol tables.
pub(super) fn from_symbols(tables: &SymbolTables) -> HashMap<u64, Arc<str>> {
    let mut found = HashMap::new();
    tables.each(|address, name| {
        let name = std::str::from_utf8(name).ok().filter(|_| address != 0);
        if let Some(future) = name.and_then(of_symbol) {
            found.insert(address, future.into());
        }
    });
    found
}

/// The future of `poll::<FUTURE, SCHEDULER>`, by its mangled name.
fn of_symbol(symbol: &str) -> Option<String> {
    // Looked at first, because most symbols are others: `4poll`, after the path's last parts.
    if !symbol.starts_with("_R") || !symbol.contains("4task3raw4poll") || symbol.len() > LONGEST_SYMBOL {
        return None;
    }
    let demangled = format!("{:#}", rustc_demangle::try_demangle(symbol).ok()?);
    first_parameter(demangled.strip_prefix(POLL_SYMBOL)?).map(str::to_owned)
}

/// The future of `poll<FUTURE, SCHEDULER>`, as DWARF names the function.
pub(super) fn of_function(name: &str) -> Option<&str> {
    first_parameter(name.strip_prefix("poll<")?)
}

/// Up to the comma or bracket that ends the first of the parameters in `text`.
fn first_parameter(text: &str) -> Option<&str> {
    let mut depth = 0usize;
    let mut before = '\0';
    for (at, character) in text.char_indices() {
        match character {
            '<' | '(' | '[' | '{' => depth += 1,
            // The arrow of `fn(u8) -> u8` closes nothing.
            '>' if before == '-' => {}
            ',' | '>' if depth == 0 => return Some(text[..at].trim()).filter(|name| !name.is_empty()),
            '>' | ')' | ']' | '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        before = character;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_future_is_the_first_parameter() {
        assert_eq!(
            of_function("poll<shop::{impl#0}::f::{async_fn_env#0}<(u8, [u8; 2])>, alloc::sync::Arc<X>>"),
            Some("shop::{impl#0}::f::{async_fn_env#0}<(u8, [u8; 2])>")
        );
        assert_eq!(of_function("poll<shop::Wrap<fn(u8) -> u8>, S>"), Some("shop::Wrap<fn(u8) -> u8>"));
        assert_eq!(of_function("poll<shop::Cut"), None);
        assert_eq!(of_function("poll<>"), None);
        assert_eq!(of_function("poll"), None);
    }

    #[test]
    fn only_v0_symbols_tell() {
        let v0 = "_RINvNtNtNtCs1234_5tokio7runtime4task3raw4pollNCNvCs5678_4shop7reserve0INtNtCs9_5alloc4sync3ArcmEECs5678_4shop";
        assert_eq!(of_symbol(v0).as_deref(), Some("shop::reserve::{closure#0}"));
        assert_eq!(of_symbol("_ZN5tokio7runtime4task3raw4poll17h86b3f700f055387bE"), None);
    }
}
