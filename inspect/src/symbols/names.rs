//! Names as people read them: Rust symbols demangled without their hashes, all others as they are.

use std::fmt::{self, Write};

/// A v0 symbol may stand for a name that is exponentially longer: it is cut.
const LONGEST_NAME: usize = 16 << 10;

/// A text that takes no more than the longest name.
struct Cut(String);

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > LONGEST_NAME {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// The readable form of a symbol. A C++ or C name is returned unchanged.
pub(super) fn demangle(symbol: &str) -> String {
    match rustc_demangle::try_demangle(symbol) {
        // The alternate form leaves out the legacy hash and the v0 disambiguators.
        Ok(demangled) => {
            let mut name = Cut(String::new());
            // What is left out is what is too long.
            let _ = write!(name, "{demangled:#}");
            name.0
        }
        Err(_) => symbol.to_owned(),
    }
}

/// Whether `symbol` is a mangled Rust name, so has its full path in it.
pub(super) fn is_mangled_rust(symbol: &str) -> bool {
    rustc_demangle::try_demangle(symbol).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_names_are_readable_and_others_untouched() {
        assert_eq!(demangle("_ZN1a4deep5inner17hf70ae09c743e3a94E"), "a::deep::inner");
        assert_eq!(demangle("_RNvNtCs1234_7mycrate3foo3bar"), "mycrate::foo::bar");
        assert_eq!(demangle("_ZNSt6vectorIiSaIiEE9push_backEOi"), "_ZNSt6vectorIiSaIiEE9push_backEOi");
        assert_eq!(demangle("__libc_start_main"), "__libc_start_main");
    }
}
