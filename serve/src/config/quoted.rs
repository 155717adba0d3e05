//! Texts of other people in a configuration.

use std::fmt::Write as _;

/// A text in double quotes, which YAML, Alloy and JSON without characters above U+FFFF read as the same text. What is not
/// a letter, a digit or printable ASCII is escaped, so it ends neither the quotes nor a comment.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ if character.is_alphanumeric() => quoted.push(character),
            _ if u32::from(character) > 0xffff => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(character));
            }
            _ => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
        }
    }
    quoted.push('"');
    quoted
}

/// A text as a part of a path of a URL: all but letters, digits and `-._~` are `%XX` (RFC 3986).
pub(super) fn part_of_path(text: &str) -> String {
    let mut part = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                part.push(char::from(byte))
            }
            _ => {
                let _ = write!(part, "%{byte:02X}");
            }
        }
    }
    part
}

/// A text as a word of a shell.
pub(super) fn word(text: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+@:,%=".contains(character);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_quotes() {
        assert_eq!(quoted("shop"), r#""shop""#);
        assert_eq!(quoted("a\"b\\\n#\u{7f}\u{85}\u{2028}é"), r#""a\"b\\\u000a#\u007f\u0085\u2028é""#);
        assert_eq!(quoted("😀"), r#""\U0001f600""#);
        assert_eq!(part_of_path("a/b c?é"), "a%2Fb%20c%3F%C3%A9");
        assert_eq!(word("/etc/rgops/token"), "/etc/rgops/token");
        assert_eq!(word("/a b/it's"), r"'/a b/it'\''s'");
    }
}
