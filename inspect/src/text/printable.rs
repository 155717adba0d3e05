//! Text that is safe on a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with every character escaped that could control a terminal or reorder its output.
///
/// Thread names, paths and symbols come from the inspected program. An escape sequence in one of them could rewrite
/// the screen, and a bidirectional override could falsify it. Control characters become `\n`, `\t`, `\x1b`, …;
/// invisible and bidirectional ones become `\u{202e}`, …. A backslash is not escaped, so ordinary text does not
/// change.
pub fn escape(text: &str) -> Cow<'_, str> {
    // Nearly all names: bytes are compared many at a time.
    let is_plain = |byte: &u8| (b' '..=b'~').contains(byte);
    if text.as_bytes().iter().all(is_plain) || !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            character if !is_unprintable(character) => escaped.push(character),
            // Writing to a string cannot fail.
            character if (character as u32) < 0x100 => {
                let _ = write!(escaped, "\\x{:02x}", character as u32);
            }
            character => {
                let _ = write!(escaped, "\\u{{{:x}}}", character as u32);
            }
        }
    }
    Cow::Owned(escaped)
}

/// The name of a number or of its source, which the report follows with `: ` or its own text. A name with a colon is
/// quoted, because it could look like the report's own text (`fix: …`).
pub fn label(name: &str) -> Cow<'_, str> {
    match name.contains(':') {
        true => Cow::Owned(format!("\"{}\"", escape(&name.replace('"', "'")))),
        false => escape(name),
    }
}

/// Whether a terminal does not display it, or interprets it: general categories Cc, Cf, Zl and Zp of Unicode 16
/// (format characters by their ranges), and variation selectors.
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_not_copied_and_control_characters_are_escaped() {
        assert!(matches!(escape("tokio-rt-worker «ü» 漢"), Cow::Borrowed(_)));
        assert_eq!(escape("a\x1b[2Jb\n\u{202e}c\u{9b}"), "a\\x1b[2Jb\\n\\u{202e}c\\x9b");
        assert_eq!(escape("back\\slash"), "back\\slash");
    }

    #[test]
    fn names_cannot_imitate_our_own_lines() {
        assert_eq!(label("heap-idle"), "heap-idle");
        assert_eq!(label("fix: run \"evil\"\n"), "\"fix: run 'evil'\\n\"");
    }
}
