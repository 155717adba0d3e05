//! What a client does with everything it decodes, before it looks at it: texts are cut to what a reader
//! can use, and what the value holds is counted.
//!
//! An agent may be any program that has the socket. Its packets are bounded in bytes ([`crate::wire`]),
//! but a packet's one text may be a million characters long, and a packet of a megabyte may decode to many
//! times as much. So every reply says, field by field, how long its texts may be, and which of them are
//! sentences; the impls below take each type apart by name, so that a new field does not compile until it
//! is listed here.
//!
//! Sentences of another user's program, or of one on the network, are not shown as ours: what root reads as
//! `fix: …` must be written by us. They are marked here, `the program says: "…"`, so whoever shows them
//! cannot forget it.

mod cutting;
mod fields;
#[cfg(test)]
mod tests;
mod value;
mod words;

pub use cutting::{
    NAME_CHARACTERS, PATH_CHARACTERS, SENTENCE_CHARACTERS, SYMBOL_CHARACTERS, VERSION_CHARACTERS, cut,
    text_of,
};
pub(crate) use fields::{fields, parts, plain};
pub(crate) use value::{Reason, Sentence, Text};
pub use value::{Received, decode};
pub use words::{Speaker, program_said, program_says};
