//! Every error of a crate as people read it: the macro that writes these texts for a snapshot, and this crate's own.

/// The texts of an enum, one paragraph a variant: its name, then each example as it is read. A variant that is not
/// here does not compile. For the tests of the crates of this workspace, which commit these texts in `snapshots/`.
#[doc(hidden)]
#[macro_export]
macro_rules! error_texts {
    ($type:ty, $read:expr, {
        $($(#[$condition:meta])* $pattern:pat => [$($example:expr),+ $(,)?]),+ $(,)?
    }) => {{
        fn _all_variants(error: &$type) {
            match error {
                $($(#[$condition])* $pattern => {})+
            }
        }
        let read: fn($type) -> String = $read;
        let mut text = String::new();
        $($(#[$condition])* {
            let name = stringify!($pattern).split([' ', '(']).next().unwrap_or_default();
            text.push_str(&format!("{name}\n"));
            $(
                let example: $type = $example;
                assert!(matches!(&example, $pattern), "{example:?} is not {name}");
                for line in read(example).lines() {
                    text.push_str(&format!("  {line}\n"));
                }
            )+
            text.push('\n');
        })+
        text
    }};
}

#[cfg(test)]
mod tests {
    use crate::auth::TokenTooShort;
    use crate::codec::{DecodeError, EncodeError};
    use crate::request::{Command, RequestError};
    use crate::token_file::NoTokenFile;
    use crate::wire::WireError;

    fn malformed() -> DecodeError {
        DecodeError::Malformed { expected: "Envelope", why: "it ends early".to_owned() }
    }

    #[test]
    fn errors_are_as_committed() {
        let mut text = error_texts!(DecodeError, |error| error.to_string(), {
            DecodeError::Malformed { .. } => [malformed()],
            DecodeError::TrailingBytes { .. } => [DecodeError::TrailingBytes { expected: "Envelope", left: 3 }],
        });
        text += &error_texts!(EncodeError, |error| error.to_string(), {
            EncodeError::TooLarge { .. } => [EncodeError::TooLarge { of: "Vec<Cell>", bytes: 20_000_000 }],
            EncodeError::Failed { .. } => [EncodeError::Failed { of: "Vec<Cell>", why: "no reason".to_owned() }],
        });
        text += &error_texts!(WireError, |error| error.to_string(), {
            WireError::UnknownKind(_) => [WireError::UnknownKind(99)],
            WireError::TooLong { .. } => [WireError::TooLong { length: 70_000, limit: 65_536 }],
        });
        text += &error_texts!(RequestError, |error| error.to_string(), {
            RequestError::UnknownCommand(_) => [RequestError::UnknownCommand(99)],
            RequestError::UnknownVersion { .. } =>
                [RequestError::UnknownVersion { command: Command::Stack, version: 99 }],
            RequestError::Body(_) => [RequestError::Body(malformed())],
        });
        text += &error_texts!(NoTokenFile, |error| error.to_string(), {
            NoTokenFile::NotAFile => [NoTokenFile::NotAFile],
            NoTokenFile::ForeignOwner(_) => [NoTokenFile::ForeignOwner(1000)],
            NoTokenFile::Open(_) => [NoTokenFile::Open(0o644)],
        });
        text += &error_texts!(TokenTooShort, |error| error.to_string(), { TokenTooShort => [TokenTooShort] });
        insta::assert_snapshot!(text);
    }
}
