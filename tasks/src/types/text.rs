//! Names and paths with a maximum length, whatever a file contains.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Maximum bytes of a path: of a namespace, of a future.
pub(crate) const LONGEST_PATH: usize = 4096;

/// Maximum bytes of a demangled name if only a part of it is used. A few bytes of a v0 symbol can expand to a
/// megabyte.
const LONGEST_DEMANGLED: usize = 16 << 10;

/// Text that ends at its maximum length.
#[derive(Debug)]
struct Limited {
    text: String,
    room: usize,
}

impl Write for Limited {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if piece.len() > self.room {
            self.text.push_str(&piece[..piece.floor_char_boundary(self.room)]);
            self.room = 0;
            return Err(fmt::Error);
        }
        self.room -= piece.len();
        self.text.push_str(piece);
        Ok(())
    }
}

/// `path::name`, cut to [`LONGEST_PATH`]: then it ends with `…`. A cut path is not extended, so all types
/// deep inside a namespace share the same one.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        return cut(name, LONGEST_PATH).into_owned();
    }
    if path.ends_with('…') {
        return path.to_owned();
    }
    let mut joined = format!("{path}::");
    // One character more than fits shows that the name was longer.
    joined.push_str(&name[..name.floor_char_boundary(LONGEST_PATH + 4)]);
    match cut(&joined, LONGEST_PATH) {
        Cow::Borrowed(_) => joined,
        Cow::Owned(cut) => cut,
    }
}

/// At most `most` bytes of a text; a cut text ends with `…`.
pub(crate) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return text.into();
    }
    let kept = text.floor_char_boundary(most.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..kept]).into()
}

/// A demangled name without hashes and disambiguators, and whether it is complete; `None` if `mangled` is not
/// a mangled Rust name.
pub(super) fn demangle(mangled: &str) -> Option<(String, bool)> {
    let demangled = rustc_demangle::try_demangle(mangled).ok()?;
    let mut name = Limited { text: String::new(), room: LONGEST_DEMANGLED };
    let is_whole = write!(name, "{demangled:#}").is_ok();
    Some((name.text, is_whole))
}

/// The symbol of a poll function whose future has two to the power of `levels` parts.
#[cfg(test)]
pub(super) fn poll_symbol(levels: usize) -> String {
    let mut symbol = "INvNtNtNtCs1234_5tokio7runtime4task3raw4pollT".to_owned();
    let mut before = symbol.len();
    symbol.push_str("TmmE");
    for _ in 1..levels {
        let here = symbol.len();
        let reference = format!("B{}_", base_62(before - 1));
        symbol.push_str(&format!("T{reference}{reference}E"));
        before = here;
    }
    format!("_R{symbol}EhE")
}

#[cfg(test)]
fn base_62(number: usize) -> String {
    let digit = |number: usize| match number % 62 {
        digit @ 0..10 => (b'0' + digit as u8) as char,
        digit @ 10..36 => (b'a' + digit as u8 - 10) as char,
        digit => (b'A' + digit as u8 - 36) as char,
    };
    if number < 62 { digit(number).to_string() } else { format!("{}{}", base_62(number / 62), digit(number)) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_joined_and_cut() {
        assert_eq!(join("", "tokio"), "tokio");
        assert_eq!(join("tokio", "sync"), "tokio::sync");
        let fits = join("tokio", &"x".repeat(LONGEST_PATH - 7));
        assert!(fits.len() == LONGEST_PATH && fits.ends_with('x'));
        for name in ["x".repeat(LONGEST_PATH - 6), "漢".repeat(1 << 20)] {
            let long = join("tokio", &name);
            assert!(long.len() <= LONGEST_PATH && long.ends_with('…'), "{}", long.len());
            assert_eq!(join(&long, "more"), long);
            assert!(join("", &name.repeat(2)).len() <= LONGEST_PATH);
        }
    }

    #[test]
    fn a_symbol_that_expands_to_a_megabyte_is_cut() {
        assert_eq!(demangle("main"), None);
        let (name, is_whole) = demangle(&poll_symbol(2)).unwrap();
        assert!(is_whole && name.ends_with("::poll::<((u32, u32), ((u32, u32), (u32, u32))), u8>"), "{name}");
        let (name, is_whole) = demangle(&poll_symbol(30)).unwrap();
        assert!(!is_whole && name.len() <= LONGEST_DEMANGLED, "{}", name.len());
    }
}
