//! Texts of others, made harmless.

use std::fmt::Write as _;

/// The text for HTML, in a body or in an attribute with quotation marks.
pub fn html_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            letter => push(&mut escaped, letter),
        }
    }
    escaped
}

/// The text with control characters as `\u{1b}`, and what turns the direction of text: who reads a text answer on a
/// terminal is not at the mercy of names in it. Tabs become spaces, so columns hold.
pub fn without_controls(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        push(&mut escaped, letter);
    }
    escaped
}

fn push(to: &mut String, letter: char) {
    match letter {
        '\t' => to.push(' '),
        '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'
        | '\u{2029}' => {
            // Writing to a String cannot fail.
            let _ = write!(to, "{}", letter.escape_unicode());
        }
        letter if letter.is_control() => {
            let _ = write!(to, "{}", letter.escape_default());
        }
        letter => to.push(letter),
    }
}
