//! Processing of every decoded value before a client uses it: texts are truncated to a useful length,
//! and the memory that the value owns is counted.
//!
//! Any program that owns the socket may pose as an agent. Its packets are bounded in bytes ([`crate::wire`]),
//! but a single text in a packet may have a million characters, and a packet of a megabyte may decode to many
//! times as much. So every reply states, field by field, the maximum length of its texts, and which of them are
//! sentences. The impls below destructure each type by name, so that a new field does not compile until it
//! is listed here.
//!
//! Sentences from another user's program, or from one on the network, must not look like ours: root may follow a
//! `fix: …`, so it must have been written by us. Such sentences are marked here, `the program says: "…"`, so that
//! no later code can omit the mark.

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
