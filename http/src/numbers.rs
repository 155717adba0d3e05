//! Numbers as Go's `strconv` reads them.

/// `strconv.ParseInt(text, 10, 64)`: an optional sign and decimal digits. What is too large is `Err` with the sign.
pub(crate) fn integer(text: &str) -> Result<i64, NotANumber> {
    let (is_negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NotANumber::Syntax);
    }
    let too_large = if is_negative { NotANumber::TooSmall } else { NotANumber::TooLarge };
    let text = text.strip_prefix('+').unwrap_or(text);
    text.parse().map_err(|_| too_large)
}

/// Why a text is not a number of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotANumber {
    /// It is not written as one.
    Syntax,
    /// It is more than the largest.
    TooLarge,
    /// It is less than the smallest.
    TooSmall,
}

/// `strconv.Atoi` whose error is not looked at: 0 for what is not a number, the nearest for what does not fit.
pub(crate) fn nearest(text: &str) -> i64 {
    match integer(text) {
        Ok(number) => number,
        Err(NotANumber::Syntax) => 0,
        Err(NotANumber::TooLarge) => i64::MAX,
        Err(NotANumber::TooSmall) => i64::MIN,
    }
}

/// `strconv.ParseUint(word, 0, 64)`: an address, with a prefix for its base, and underscores between digits.
pub(crate) fn address(word: &[u8]) -> Option<u64> {
    // The longest is `0b` and 64 digits, each with an underscore before it.
    if word.len() > 2 + 2 * 64 {
        return None;
    }
    let text = std::str::from_utf8(word).ok()?.to_ascii_lowercase();
    let (base, digits) = match text.as_bytes() {
        [b'0', b'x', ..] => (16, &text[2..]),
        [b'0', b'b', ..] => (2, &text[2..]),
        [b'0', b'o', ..] => (8, &text[2..]),
        [b'0', _, ..] => (8, &text[1..]),
        _ => (10, &*text),
    };
    // An underscore is between two digits, or between the prefix and a digit.
    let has_prefix = base != 10;
    let is_misplaced =
        digits.contains("__") || digits.ends_with('_') || (!has_prefix && digits.starts_with('_'));
    let digits = digits.replace('_', "");
    // The standard library takes a sign, too.
    if is_misplaced || (base == 10 && text.contains('_')) || digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(&digits, base).ok()
}

/// `strconv.ParseFloat(text, 64)` if it is a finite number; hexadecimal digits are not read.
pub(crate) fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_of_go() {
        assert_eq!(
            (integer("7"), integer("+7"), integer("-7"), integer("007")),
            (Ok(7), Ok(7), Ok(-7), Ok(7))
        );
        for text in ["", "+", "-", "+-1", "1_0", "0x1", " 1", "1.0", "٣", "é"] {
            assert_eq!(integer(text), Err(NotANumber::Syntax), "{text}");
        }
        assert_eq!(integer("9223372036854775808"), Err(NotANumber::TooLarge));
        assert_eq!(integer("-9223372036854775809"), Err(NotANumber::TooSmall));
        assert_eq!((nearest("99999999999999999999"), nearest("x")), (i64::MAX, 0));
    }

    #[test]
    fn addresses_are_those_of_go() {
        for (text, number) in [
            ("0x1F", 31),
            ("0X1f", 31),
            ("31", 31),
            ("037", 31),
            ("0o37", 31),
            ("0b11111", 31),
            ("0x_1f", 31),
            ("0", 0),
        ] {
            assert_eq!(address(text.as_bytes()), Some(number), "{text}");
        }
        for text in [
            "",
            "0x",
            "+1",
            "0x+1",
            "1_000",
            "0x1__f",
            "0x1f_",
            "_1",
            "08",
            "1e3",
            "18446744073709551616",
            "0x é",
        ] {
            assert_eq!(address(text.as_bytes()), None, "{text}");
        }
        assert_eq!(address(&[b'1'; 1 << 20]), None);
    }
}
