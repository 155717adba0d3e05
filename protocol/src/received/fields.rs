//! Macros that list the fields of message types: a new field does not compile until its kind is stated.

/// For types without texts that own no memory.
macro_rules! plain {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::received::Received for $type {
            fn receive(&mut self, _: $crate::received::Speaker) -> u64 {
                0
            }
        }
    )*};
}

/// `Type { field, field: CHARACTERS, field: Sentence, field: Reason }`: all fields of a type. A field that is
/// a text, or contains texts, does not compile without its kind.
macro_rules! fields {
    ($($type:ident { $($field:ident $(: $what:expr)?),* $(,)? })*) => {$(
        impl $crate::received::Received for $type {
            fn receive(&mut self, speaker: $crate::received::Speaker) -> u64 {
                let $type { $($field),* } = self;
                [$($crate::received::fields!(@ $field, speaker $(, $what)?)),*].into_iter().fold(0, u64::saturating_add)
            }
        }
    )*};
    (@ $field:ident, $speaker:ident) => { $crate::received::Received::receive($field, $speaker) };
    (@ $field:ident, $speaker:ident, $what:expr) => { $crate::received::Text::receive_as($field, $what, $speaker) };
}

/// For enums in which every variant has one value.
macro_rules! parts {
    ($($type:ident { $($variant:ident),* $(,)? })*) => {$(
        impl $crate::received::Received for $type {
            fn receive(&mut self, speaker: $crate::received::Speaker) -> u64 {
                match self {
                    $($type::$variant(value) => $crate::received::Received::receive(value, speaker)),*
                }
            }
        }
    )*};
}

pub(crate) use {fields, parts, plain};

plain!(bool, char, u8, u16, u32, u64, i64);
