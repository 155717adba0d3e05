//! Readable names: Rust symbols are demangled without their hashes, C++ symbols without their parameters, all others
//! stay unchanged.

use std::fmt::{self, Write};

use cpp_demangle::{BorrowedSymbol, DemangleOptions, ParseOptions};
use rgops_protocol::received::{SYMBOL_CHARACTERS, cut};

/// A longer C++ symbol stays unchanged. A hostile one may be nested as deep as the limit, which the parser checks.
const CPP_BYTES: usize = 8 << 10;
const CPP_DEPTH: u32 = 64;

/// The readable form of a symbol. A C name is returned unchanged. Every name is cut at a maximum
/// length: a few bytes of a symbol can expand to a megabyte.
pub(crate) fn demangle(symbol: &str) -> String {
    let mut name = Name::default();
    let written = match rustc_demangle::try_demangle(symbol) {
        // The alternate form leaves out the legacy hash and the v0 disambiguators.
        Ok(demangled) => write!(name, "{demangled:#}"),
        Err(_) if write_cpp(symbol, &mut name) => Ok(()),
        Err(_) => {
            name.text.clear();
            name.write_str(symbol)
        }
    };
    if written.is_err() {
        name.text.push('…');
    }
    cut(&mut name.text, SYMBOL_CHARACTERS);
    name.text
}

/// Writes the readable form of a C++ symbol, as far as there is room; `false` if it is not one.
fn write_cpp(symbol: &str, name: &mut Name) -> bool {
    if !symbol.starts_with("_Z") || symbol.len() > CPP_BYTES {
        return false;
    }
    let limits = ParseOptions::default().recursion_limit(CPP_DEPTH);
    let Ok((parsed, rest)) = BorrowedSymbol::with_tail_and_options(symbol.as_bytes(), &limits) else {
        return false;
    };
    // GCC's parts of functions: `.cold`, `.isra.0`.
    if !(rest.is_empty() || rest.starts_with(b".")) {
        return false;
    }
    let shown = DemangleOptions::default().no_params().no_return_type().recursion_limit(CPP_DEPTH);
    match parsed.structured_demangle(name, &shown) {
        Ok(()) => !name.text.is_empty(),
        Err(_) => name.text.len() >= SYMBOL_CHARACTERS,
    }
}

/// A function's name without the closures at its end: an `async fn` runs as a closure inside it.
pub(crate) fn without_closures(function: &str) -> &str {
    let mut name = function;
    while let Some(outer) = ["::{{closure}}", "::{closure#0}"].iter().find_map(|end| name.strip_suffix(end)) {
        name = outer;
    }
    name
}

/// Text with a maximum length.
#[derive(Default)]
struct Name {
    text: String,
}

impl Write for Name {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = SYMBOL_CHARACTERS.saturating_sub(self.text.len());
        if piece.len() > room {
            self.text.extend(piece.chars().take(room));
            return Err(fmt::Error);
        }
        self.text.push_str(piece);
        Ok(())
    }
}

/// Whether `symbol` is a mangled Rust name, so that it contains its full path.
pub(super) fn is_mangled_rust(symbol: &str) -> bool {
    rustc_demangle::try_demangle(symbol).is_ok()
}

/// Whether `symbol` is a mangled name of Rust or C++.
pub(super) fn is_mangled(symbol: &str) -> bool {
    symbol.starts_with("_Z") || is_mangled_rust(symbol)
}

/// Whether `symbol` is the linker's name of a C++ function.
pub(super) fn is_mangled_cpp(symbol: &str) -> bool {
    symbol.starts_with("_Z") && !is_mangled_rust(symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_names_are_demangled_and_others_unchanged() {
        assert_eq!(demangle("_ZN1a4deep5inner17hf70ae09c743e3a94E"), "a::deep::inner");
        assert_eq!(demangle("_RNvNtCs1234_7mycrate3foo3bar"), "mycrate::foo::bar");
        for (symbol, name) in [
            ("_ZNSt6vectorIiSaIiEE9push_backEOi", "std::vector<int, std::allocator<int> >::push_back"),
            ("_ZNK6engine5Index6searchEN4rust10cxxbridge13StrE", "engine::Index::search"),
            ("_ZN6engineL16throws_sometimesEm.cold", "engine::throws_sometimes"),
            ("_Z4stopv", "stop"),
            ("_ZTV5Index", "{vtable(Index)}"),
            ("_Znot_a_symbol", "_Znot_a_symbol"),
            ("_Z", "_Z"),
        ] {
            assert_eq!(demangle(symbol), name);
            assert!(is_mangled_cpp(symbol) && !is_mangled_rust(symbol), "{symbol}");
        }
        assert_eq!(demangle("__libc_start_main"), "__libc_start_main");
    }

    #[test]
    fn long_names_are_cut() {
        let long = format!("_ZN{0}{1}17hf70ae09c743e3a94E", 100_000, "x".repeat(100_000));
        for symbol in [&long, &"漢".repeat(1 << 20)] {
            let name = demangle(symbol);
            assert!(name.chars().count() <= SYMBOL_CHARACTERS && name.ends_with('…'), "{}", name.len());
        }
        for levels in [1_000, 100_000] {
            let nested = format!("_ZN{}1aE", "1aIN".repeat(levels));
            assert!(demangle(&nested).starts_with("_ZN1aIN1aIN"), "unchanged");
        }
        // Substitutions: each level is the previous one, twice.
        let twice: String =
            ('0'..='9').chain('A'..='Z').map(|level| format!("1bIS{level}_S{level}_E")).collect();
        assert!(demangle(&format!("_Z1fI1aIiE{twice}Evv")).chars().count() <= SYMBOL_CHARACTERS);
        // Back references: each level is the previous one, twice.
        let mut doubling = "_RIC1a".to_owned();
        doubling.push_str(&"Tmm".repeat(1000));
        assert!(demangle(&doubling).chars().count() <= SYMBOL_CHARACTERS);
    }
}
