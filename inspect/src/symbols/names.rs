//! Readable names: Rust symbols are demangled without their hashes, all others stay unchanged.

use std::fmt::{self, Write};

use rgops_protocol::received::{SYMBOL_CHARACTERS, cut};

/// The readable form of a symbol. A C++ or C name is returned unchanged. Every name is cut at a maximum
/// length: a few bytes of a v0 symbol can expand to a megabyte.
pub(super) fn demangle(symbol: &str) -> String {
    let mut name = Name::default();
    let written = match rustc_demangle::try_demangle(symbol) {
        // The alternate form leaves out the legacy hash and the v0 disambiguators.
        Ok(demangled) => write!(name, "{demangled:#}"),
        Err(_) => name.write_str(symbol),
    };
    if written.is_err() {
        name.text.push('…');
    }
    cut(&mut name.text, SYMBOL_CHARACTERS);
    name.text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_names_are_demangled_and_others_unchanged() {
        assert_eq!(demangle("_ZN1a4deep5inner17hf70ae09c743e3a94E"), "a::deep::inner");
        assert_eq!(demangle("_RNvNtCs1234_7mycrate3foo3bar"), "mycrate::foo::bar");
        assert_eq!(demangle("_ZNSt6vectorIiSaIiEE9push_backEOi"), "_ZNSt6vectorIiSaIiEE9push_backEOi");
        assert_eq!(demangle("__libc_start_main"), "__libc_start_main");
    }

    #[test]
    fn long_names_are_cut() {
        let long = format!("_ZN{0}{1}17hf70ae09c743e3a94E", 100_000, "x".repeat(100_000));
        for symbol in [&long, &"漢".repeat(1 << 20)] {
            let name = demangle(symbol);
            assert!(name.chars().count() <= SYMBOL_CHARACTERS && name.ends_with('…'), "{}", name.len());
        }
        // Back references: each level is the previous one, twice.
        let mut doubling = "_RIC1a".to_owned();
        doubling.push_str(&"Tmm".repeat(1000));
        assert!(demangle(&doubling).chars().count() <= SYMBOL_CHARACTERS);
    }
}
