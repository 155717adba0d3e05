//! Text of a profile in XML: no character of it is markup, and none that XML forbids or that turns the direction of
//! text stays.

/// Appends `text`, safe as the content of an element and in an attribute in double quotes.
pub(super) fn push(to: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            '\'' => to.push_str("&#39;"),
            '\n' | '\t' | '\r' => to.push(' '),
            '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                to.push('\u{fffd}')
            }
            control if control.is_control() => to.push('\u{fffd}'),
            other => to.push(other),
        }
    }
}

/// The same as a text of its own.
pub(super) fn escaped(text: &str) -> String {
    let mut to = String::with_capacity(text.len() + 8);
    push(&mut to, text);
    to
}
