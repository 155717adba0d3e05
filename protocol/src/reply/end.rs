//! Progress and end of an answer, and what it lacks.

use crate::codec::{Decode, Encode};
use crate::received::{
    NAME_CHARACTERS, Reason, Received, SENTENCE_CHARACTERS, Speaker, Text, cut, plain, program_says,
};

/// Notes kept of an answer's end. Ours have less than ten.
pub const MAX_NOTES: usize = 256;

/// How far a running command is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Progress {
    /// Time since the command began, in milliseconds.
    pub elapsed_ms: u64,
    /// When it will end, in milliseconds since it began; 0 when not known.
    pub total_ms: u64,
    /// Things gathered so far (samples, threads).
    pub gathered: u64,
}

/// The last packet of a good answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct End {
    /// Everything that is missing or approximate in this answer. Empty: it is complete.
    pub notes: Vec<Note>,
}

/// Something an answer lacks, counted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Note {
    /// What happened.
    pub kind: NoteKind,
    /// To what: `samples`, `threads`, `stacks`, …
    pub what: String,
    /// How many.
    pub count: u64,
    /// Why, lower case, without a full stop.
    pub why: String,
}

/// What happened to the things a [`Note`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum NoteKind {
    /// Lost: they are in no number of the answer.
    Dropped,
    /// Cut short.
    Truncated,
    /// Could not be captured; listed without their content.
    Missing,
    /// Present, but not exact.
    Approximate,
    /// The command ended before its time.
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

/// Whether a name of things, as `samples`, needs no quotation marks.
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
        // The inspector's own note is not a text of the program; it is counted all the same.
        let texts = notes.iter().map(|note| (note.what.capacity() + note.why.capacity()) as u64);
        texts.fold(notes.capacity().saturating_mul(size_of::<Note>()) as u64, u64::saturating_add)
    }
}
