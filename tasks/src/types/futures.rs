//! The names of futures whose types are not described, taken from the names of their poll functions.
//!
//! With `debug = 1`, DWARF names the function `poll<FUTURE, SCHEDULER>`. Without debug information the symbol
//! table has the same name in the v0 mangling; the legacy mangling omits the parameters.

use std::collections::HashMap;
use std::sync::Arc;

use rgops_dwarf::{Charge, Exhausted, SymbolTables, Work};

use crate::types::text::{self, LONGEST_PATH};

/// The start of the names of Tokio's poll functions in v0 symbols, demangled.
const POLL_SYMBOL: &str = "tokio::runtime::task::raw::poll::<";

/// Maximum length of a symbol that is demangled.
const LONGEST_SYMBOL: usize = 16 << 10;

/// Memory of a cached future besides its name.
const FUTURE_BYTES: u64 = 128;

/// Names of futures by the addresses of their poll functions.
#[derive(Debug, Default)]
pub(super) struct SymbolFutures {
    names: HashMap<u64, Arc<str>>,
    /// Charge of the names.
    _charge: Option<Charge>,
}

impl SymbolFutures {
    /// From a file's symbol tables. If a limit of memory or time is reached, keeps the futures found so far.
    pub(super) fn of_tables(tables: &SymbolTables, work: &Work) -> SymbolFutures {
        let mut found = SymbolFutures::default();
        let mut charge = Charge::none(work.budget());
        let mut counter = work.counter();
        let _ = tables.each(|address, name| {
            counter.step()?;
            found.add(address, name, &mut charge)
        });
        found._charge = Some(charge);
        found
    }

    fn add(&mut self, address: u64, symbol: &[u8], charge: &mut Charge) -> Result<(), Exhausted> {
        let symbol = std::str::from_utf8(symbol).ok().filter(|_| address != 0);
        if let Some(future) = symbol.and_then(of_symbol) {
            charge.grow(future.len() as u64 + FUTURE_BYTES)?;
            self.names.insert(address, future.into());
        }
        Ok(())
    }

    pub(super) fn get(&self, poll_svma: u64) -> Option<Arc<str>> {
        self.names.get(&poll_svma).cloned()
    }
}

/// The future of `poll::<FUTURE, SCHEDULER>`, from its mangled name.
fn of_symbol(symbol: &str) -> Option<String> {
    // Checked first, because most symbols do not match: `4poll`, after the last parts of the path.
    if !symbol.starts_with("_R") || !symbol.contains("4task3raw4poll") || symbol.len() > LONGEST_SYMBOL {
        return None;
    }
    let (demangled, is_whole) = text::demangle(symbol)?;
    let parameters = demangled.strip_prefix(POLL_SYMBOL)?;
    match first_parameter(parameters) {
        Some(future) => Some(text::cut(future, LONGEST_PATH).into_owned()),
        None if is_whole => None,
        None => Some(text::cut(parameters, LONGEST_PATH).into_owned()),
    }
}

/// The future of `poll<FUTURE, SCHEDULER>`, in DWARF's name of the function.
pub(super) fn of_function(name: &str) -> Option<&str> {
    first_parameter(name.strip_prefix("poll<")?)
}

/// The text up to the comma or bracket that ends the first parameter.
fn first_parameter(text: &str) -> Option<&str> {
    let mut depth = 0usize;
    let mut before = '\0';
    for (at, character) in text.char_indices() {
        match character {
            '<' | '(' | '[' | '{' => depth += 1,
            // The `>` of the arrow in `fn(u8) -> u8` does not close a bracket.
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
    use rgops_dwarf::Budget;

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
    fn only_v0_symbols_name_a_future() {
        let v0 = "_RINvNtNtNtCs1234_5tokio7runtime4task3raw4pollNCNvCs5678_4shop7reserve0INtNtCs9_5alloc4sync3ArcmEECs5678_4shop";
        assert_eq!(of_symbol(v0).as_deref(), Some("shop::reserve::{closure#0}"));
        assert_eq!(of_symbol("_ZN5tokio7runtime4task3raw4poll17h86b3f700f055387bE"), None);
        assert_eq!(of_symbol(&text::poll_symbol(1)).as_deref(), Some("((u32, u32),)"));
    }

    #[test]
    fn a_future_name_that_expands_to_a_megabyte_is_cut_and_charged() {
        let symbol = text::poll_symbol(40);
        let future = of_symbol(&symbol).unwrap_or_default();
        assert!(future.len() <= LONGEST_PATH && future.ends_with('…'), "{}", future.len());
        let budget = Budget::new(1 << 20);
        let mut charge = Charge::none(&budget);
        let mut futures = SymbolFutures::default();
        let added =
            (1..1000).take_while(|at| futures.add(*at, symbol.as_bytes(), &mut charge).is_ok()).count();
        assert_eq!((added, futures.names.len()), (248, 248));
    }
}
