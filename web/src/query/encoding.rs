//! Percent-encoding of parameters, as forms have it: a space may be a `+`.

use super::bad::BadQuery;

/// The text of `raw`.
///
/// # Errors
/// [`BadQuery::Encoding`].
pub(crate) fn decode(raw: &str) -> Result<String, BadQuery> {
    let wrong = || BadQuery::Encoding(raw.chars().take(80).collect());
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let (high, low) = (digit().ok_or_else(wrong)?, digit().ok_or_else(wrong)?);
                u8::try_from(high * 16 + low).map_err(|_| wrong())?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// `text` as a key or a value.
pub(crate) fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut to = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            let _ = write!(to, "%{byte:02X}");
        }
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for text in ["", "a b", "<é>&=#?/+%", "\0\n"] {
            assert_eq!(decode(&encode(text)), Ok(text.to_owned()));
        }
        assert!(decode("%f").is_err() && decode("%ff").is_err() && decode("%é").is_err());
    }
}
