//! Characters that change how a text looks without being seen are shown as `\\x{202e}`, as regular expressions have them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character is not seen but acts: it turns the direction of a text, or lets two names look alike.
pub(crate) fn is_invisible(character: char) -> bool {
    matches!(character,
        '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}')
}

/// A text in which all characters can be seen.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut seen = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        push(&mut seen, character);
    }
    Cow::Owned(seen)
}

/// A page of maud's, in which all characters that are shown can be seen: texts, tool tips and names for screen readers.
/// Other attributes and data for modules are as they were, because they are identities: `page.js` shows these.
pub(crate) fn visible_page(page: String) -> String {
    if !page.chars().any(is_invisible) {
        return page;
    }
    let mut seen = String::with_capacity(page.len() + 64);
    let mut rest = &*page;
    while let Some((text, behind)) = rest.split_once('<') {
        seen.push_str(&visible(text));
        seen.push('<');
        rest = tag(&mut seen, behind);
        if behind.starts_with("script ") {
            let data = rest.find("</script").unwrap_or(rest.len());
            seen.push_str(rest.get(..data).unwrap_or_default());
            rest = rest.get(data..).unwrap_or_default();
        }
    }
    seen.push_str(&visible(rest));
    seen
}

/// Writes a tag, from behind its `<` to behind its `>`, and returns what is behind. Values are in double quotes.
fn tag<'a>(seen: &mut String, mut rest: &'a str) -> &'a str {
    loop {
        let Some(at) = rest.find(['"', '>']) else {
            seen.push_str(rest);
            return "";
        };
        let (before, behind) = rest.split_at(at);
        seen.push_str(before);
        if behind.starts_with('>') {
            seen.push('>');
            return behind.get(1..).unwrap_or_default();
        }
        let (value, behind) = behind.get(1..).unwrap_or_default().split_once('"').unwrap_or_default();
        let is_shown = [" title=", " aria-label="].iter().any(|name| before.ends_with(name));
        seen.push('"');
        seen.push_str(&if is_shown { visible(value) } else { Cow::Borrowed(value) });
        seen.push('"');
        rest = behind;
    }
}

fn push(to: &mut String, character: char) {
    if is_invisible(character) {
        // Writing to a string does not fail.
        let _ = write!(to, "\\x{{{:x}}}", u32::from(character));
    } else {
        to.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_without_being_seen_is_shown() {
        assert_eq!(
            visible("a\u{202e}b\u{feff}\u{1b}[1m\u{9b}\té"),
            "a\\x{202e}b\\x{feff}\\x{1b}[1m\\x{9b}\té"
        );
        assert!(matches!(visible("ordinary"), Cow::Borrowed(_)));
    }

    #[test]
    fn identities_in_a_page_are_as_they_were() {
        let page = "<p title=\"a\u{202e}&gt;\" data-name=\"b\u{202e}\">c\u{202e}<script type=\"x\">\"d\u{202e}>\"</script>e\u{202e}";
        let seen = "<p title=\"a\\x{202e}&gt;\" data-name=\"b\u{202e}\">c\\x{202e}<script type=\"x\">\"d\u{202e}>\"</script>e\\x{202e}";
        assert_eq!(visible_page(page.to_owned()), seen);
    }
}
