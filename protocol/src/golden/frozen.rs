//! The frozen bytes of a message, and the check of both decoders against them.

use std::path::PathBuf;

use crate::codec;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.hex"))
}

/// The bytes of a golden file.
pub(crate) fn frozen(name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(file(name))
        .unwrap_or_else(|error| panic!("{}: {error}", file(name).display()));
    from_hex(&text)
}

/// The bytes of hexadecimal digits; white space and `#` comments are ignored.
pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let digits: String = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .flat_map(str::chars)
        .filter(char::is_ascii_hexdigit)
        .collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

pub(crate) fn bless(name: &str, debug: &str, bytes: &[u8]) {
    if std::env::var_os("RGOPS_BLESS").is_none() {
        return;
    }
    let lines: Vec<String> = bytes
        .chunks(32)
        .map(|chunk| chunk.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        .collect();
    std::fs::write(file(name), format!("# {debug}\n{}\n", lines.join("\n"))).unwrap();
}

/// Checks that `value` is encoded as `frozen`, and decoded from it.
pub(crate) fn check<T>(value: &T, frozen: &[u8])
where
    T: codec::Encode + codec::Decode<()> + PartialEq + std::fmt::Debug,
{
    assert_eq!(codec::encode(value).unwrap(), frozen, "the bytes of {value:?} changed");
    assert_eq!(&codec::decode::<T>(frozen).unwrap(), value);
    // As a message it may have a tail. `decode`, which ignores no byte, refuses an additional byte. A missing byte is
    // always refused.
    let longer = [frozen, &[0]].concat();
    assert_eq!(&codec::decode_message::<T>(&longer).unwrap(), value);
    assert!(codec::decode::<T>(&longer).is_err());
    if !frozen.is_empty() {
        assert!(codec::decode_message::<T>(&frozen[..frozen.len() - 1]).is_err());
    }
}

/// Checks a message without its tail, as older writers send it, and with it, in `golden/NAME_2.hex`.
pub(crate) fn check_with_tail<T>(name: &str, value: &T, add_tail: fn(&mut T))
where
    T: codec::Encode + codec::Decode<()> + PartialEq + std::fmt::Debug + Clone,
{
    let first = frozen(name);
    assert_eq!(codec::encode(value).unwrap(), first, "the bytes of {value:?} changed");
    assert_eq!(&codec::decode_message::<T>(&first).unwrap(), value);
    assert!(codec::decode_message::<T>(&first[..first.len() - 1]).is_err());
    let mut with_tail = value.clone();
    add_tail(&mut with_tail);
    let second = format!("{name}_2");
    bless(&second, &format!("{with_tail:?}"), &codec::encode(&with_tail).unwrap());
    let bytes = frozen(&second);
    assert!(bytes.starts_with(&first) && bytes.len() > first.len(), "an older reader skips the tail");
    check(&with_tail, &bytes);
}

/// A test: `golden!(name, Type, value)`, with the bytes in `golden/NAME.hex`, or as a fourth argument; with
/// `tail: |value| …` for a message that has one.
macro_rules! golden {
    ($test:ident, $type:ty, $value:expr $(,)?) => {
        #[test]
        fn $test() {
            let (name, value): (&str, $type) = (stringify!($test), $value);
            $crate::golden::frozen::bless(name, &format!("{value:?}"), &$crate::codec::encode(&value).unwrap());
            let frozen = $crate::golden::frozen::frozen(name);
            $crate::golden::golden!(@ value, frozen, $type);
        }
    };
    ($test:ident, $type:ty, $value:expr, $bytes:literal $(,)?) => {
        #[test]
        fn $test() {
            let (value, frozen): ($type, _) = ($value, $crate::golden::frozen::from_hex($bytes));
            $crate::golden::golden!(@ value, frozen, $type);
        }
    };
    ($test:ident, $type:ty, $value:expr, tail: $tail:expr $(,)?) => {
        #[test]
        fn $test() {
            let (name, value): (&str, $type) = (stringify!($test), $value);
            $crate::golden::frozen::bless(name, &format!("{value:?}"), &$crate::codec::encode(&value).unwrap());
            $crate::golden::frozen::check_with_tail(name, &value, $tail);
            let frozen = $crate::golden::frozen::frozen(name);
            $crate::golden::golden!(@other value, frozen, $type);
        }
    };
    (@ $value:ident, $frozen:ident, $type:ty) => {{
        $crate::golden::frozen::check(&$value, &$frozen);
        $crate::golden::golden!(@other $value, $frozen, $type);
    }};
    (@other $value:ident, $frozen:ident, $type:ty) => {{
        let varint = wincode::config::Configuration::default().with_varint_encoding();
        let other: $type = wincode::config::deserialize_exact(&$frozen, varint).unwrap();
        assert_eq!(other, $value, "wincode reads it differently");
        assert_eq!(wincode::config::serialize(&$value, varint).unwrap(), $frozen);
    }};
}

pub(crate) use golden;
