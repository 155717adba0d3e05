//! Progress of an answer, and its end with notes about what is missing.

use crate::codec::{Decode, Encode};
use crate::received::{
    NAME_CHARACTERS, Reason, Received, SENTENCE_CHARACTERS, Speaker, Text, cut, plain, program_says,
};

/// The maximum number of notes kept of an answer's end. Our agents send fewer than ten.
pub const MAX_NOTES: usize = 256;

/// The progress of a running command.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Progress {
    /// Time since the command started, in milliseconds.
    pub elapsed_ms: u64,
    /// The total time of the command, in milliseconds; 0 if not known.
    pub total_ms: u64,
    /// The number of items gathered so far (samples, threads).
    pub gathered: u64,
}

/// The last packet of a successful answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct End {
    /// Everything that is missing or approximate in this answer. Empty if it is complete.
    pub notes: Vec<Note>,
}

/// Something that an answer lacks, with its count.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Note {
    /// What happened.
    pub kind: NoteKind,
    /// The kind of items: `samples`, `threads`, `stacks`, …
    pub what: String,
    /// The number of items.
    pub count: u64,
    /// The reason, lower case, without a full stop.
    pub why: String,
}

/// What happened to the items that a [`Note`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum NoteKind {
    /// Lost: not included in any number of the answer.
    Dropped,
    /// Truncated.
    Truncated,
    /// Not captured; listed without their content.
    Missing,
    /// Present, but not exact.
    Approximate,
    /// The command ended before its requested duration.
    EndedEarly,
}

plain!(NoteKind, Progress);

impl Received for Note {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        let Note { kind: _, what, count: _, why } = self;
        cut(what, NAME_CHARACTERS);
        if speaker == Speaker::Another && !is_plain(what) {
            cut(why, SENTENCE_CHARACTERS);
            *why = program_says(&format!("{what}: {why}"));
            "things".clone_into(what);
        } else {
            why.receive_as(Reason, speaker);
        }
        (what.capacity() + why.capacity()) as u64
    }
}

/// Whether the name of items, such as `samples`, needs no quotation marks.
fn is_plain(what: &str) -> bool {
    what.chars()
        .all(|character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_' | '/' | '\''))
}

impl Received for End {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        let End { notes } = self;
        let more = notes.len().saturating_sub(MAX_NOTES);
        notes.truncate(MAX_NOTES);
        notes.receive(speaker);
        if more > 0 {
            notes.push(Note {
                kind: NoteKind::Truncated,
                what: "notes".to_owned(),
                count: more as u64,
                why: "there are too many to be shown".to_owned(),
            });
            notes.shrink_to_fit();
        }
        // The inspector's own note is not a text of the program, but is counted too.
        let texts = notes.iter().map(|note| (note.what.capacity() + note.why.capacity()) as u64);
        texts.fold(notes.capacity().saturating_mul(size_of::<Note>()) as u64, u64::saturating_add)
    }
}
