//! Queries and forms, as Go's `url.ParseQuery` reads them.

use std::borrow::Cow;

/// The first value of `key`, as `FormValue` of Go gives it. Pairs that are not well-formed are skipped.
pub(crate) fn value(form: &str, key: &str) -> Option<String> {
    pairs(form).find(|(name, _)| name == key).map(|(_, value)| value)
}

/// All pairs that are well-formed: a semicolon or a wrong percent sign makes one that is not.
fn pairs(form: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let pairs = form.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
    pairs.filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decoded(name, Place::Form)?, decoded(value, Place::Form)?))
    })
}

/// Where a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a path, where a plus sign is one.
    Path,
    /// In a form, where a plus sign is a space.
    Form,
}

/// The text without percent signs; `None` if one has no two digits behind it. What is not UTF-8 is replaced.
pub(crate) fn decoded(text: &str, place: Place) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                bytes.push(digit(*high)? << 4 | digit(*low)?);
                rest = after;
            }
            (b'%', _) => return None,
            (b'+', _) if place == Place::Form => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    Some(match String::from_utf8_lossy(&bytes) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    })
}

fn digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The text with a percent sign for each byte that is not a letter, a digit or one of `-_.~/`.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                encoded.push(char::from(byte))
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_are_not_well_formed_are_skipped() {
        let form = "a=1;b=2&c=%3&d=%zz&e=%2B+x&&f&e=second&%61=y";
        let value = |key| value(form, key);
        assert_eq!(
            (value("a").as_deref(), value("b"), value("c"), value("d")),
            (Some("y"), None, None, None)
        );
        assert_eq!((value("e").as_deref(), value("f").as_deref()), (Some("+ x"), Some("")));
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let text = "/p/a b/debug?x=é&y=\"<\r\n%+";
        let encoded = encoded(text);
        assert!(encoded.is_ascii() && !encoded.contains(['"', '<', '\r', ' ', '&', '+']), "{encoded}");
        assert_eq!(decoded(&encoded, Place::Form).as_deref(), Some(text));
        assert_eq!(decoded("a+b", Place::Path).as_deref(), Some("a+b"));
    }
}
