//! Names as people read them: Rust symbols demangled without their hashes, all others as they are.

/// The readable form of a symbol. A C++ or C name is returned unchanged.
pub(super) fn demangle(symbol: &str) -> String {
    match rustc_demangle::try_demangle(symbol) {
        // The alternate form leaves out the legacy hash and the v0 disambiguators.
        Ok(demangled) => format!("{demangled:#}"),
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
