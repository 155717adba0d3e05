//! An address in the place of a regular expression.

/// The address that `text` is as Go reads numbers: `0x4005a0`, `0b1`, `0o17`, `017`, `4195744`, with `_` between digits.
pub(super) fn address_of(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix, is_prefixed) = match lower.get(..2) {
        Some("0x") => (lower.get(2..)?, 16, true),
        Some("0b") => (lower.get(2..)?, 2, true),
        Some("0o") => (lower.get(2..)?, 8, true),
        _ if lower.len() > 1 && lower.starts_with('0') => (lower.get(1..)?, 8, true),
        _ => (&*lower, 10, false),
    };
    let is_between =
        !digits.contains("__") && !digits.ends_with('_') && (is_prefixed || !digits.starts_with('_'));
    if !is_between || digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

#[cfg(test)]
mod tests {
    use super::address_of;

    #[test]
    fn addresses_are_read_as_go_does() {
        assert_eq!(address_of("0x4005A0"), Some(0x4005a0));
        assert_eq!(
            [address_of("017"), address_of("1_000"), address_of("0x_1")],
            [Some(15), Some(1000), Some(1)]
        );
        assert_eq!(
            [address_of("main"), address_of("+1"), address_of("_1"), address_of("1_"), address_of("")],
            [None; 5]
        );
    }
}
