//! What an answer lacks.

use rgops_protocol::reply::{End, Known, Note, NoteKind};

use super::error::SessionError;
use crate::budget::Exhausted;
use crate::text::known::{NO_LIMIT, note_text};
use crate::text::reason;

/// Whether an answer is complete, and what is missing if it is not.
///
/// An answer is partial if the agent lost, truncated or could not capture something, if this process left something
/// out at its limits of memory and time, or if the connection was lost. Approximate numbers and a command that was
/// stopped early on purpose are reported, but do not make an answer partial.
#[derive(Debug)]
pub struct Completeness<'a> {
    is_partial: bool,
    left_out: Vec<String>,
    notes: Vec<String>,
    broken_off: Option<&'a SessionError>,
}

impl<'a> Completeness<'a> {
    /// From the end of the answer.
    pub(crate) fn of(end: Result<&End, &'a SessionError>) -> Completeness<'a> {
        let notes = end.map(|end| end.notes.as_slice()).unwrap_or_default();
        Completeness {
            is_partial: end.is_err() || notes.iter().any(is_lacking),
            left_out: Vec::new(),
            notes: notes.iter().map(note_text).collect(),
            broken_off: end.err(),
        }
    }

    /// Whether nothing is missing.
    pub fn is_complete(&self) -> bool {
        !self.is_partial
    }

    /// Sentences about what this process left out at its limits of memory and time.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Sentences about what the answer lacks or what is approximate. Its JSON document also has the notes of the agent;
    /// there, `mean_bytes` is 0 if sampling is off.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Why the answer ended early; `None` if it has an end.
    pub fn broken_off(&self) -> Option<&'a SessionError> {
        self.broken_off
    }

    /// All of the above, one sentence each. Escape them before printing: [`escape`](crate::text::escape).
    pub fn sentences(&self) -> Vec<String> {
        let broken_off = self.broken_off.map(ToString::to_string);
        self.left_out.iter().chain(&self.notes).cloned().chain(broken_off).collect()
    }
}

/// Whether a note makes an answer partial.
fn is_lacking(note: &Note) -> bool {
    match note.kind {
        NoteKind::Dropped | NoteKind::Truncated | NoteKind::Missing => true,
        NoteKind::Approximate | NoteKind::EndedEarly => false,
    }
}

/// Whether a value could not be read. A limit that is not set is not missing.
pub(super) fn is_missing<T>(value: &Known<T>) -> bool {
    matches!(value, Known::Unavailable(missing) if missing.reason != NO_LIMIT)
}

/// Whether more than half of the values are missing: then an answer is partial, though its parts all came.
pub(super) fn most_are_missing(values: impl Iterator<Item = bool>) -> bool {
    let (all, missing) =
        values.fold((0, 0), |(all, missing), is_missing| (all + 1, missing + usize::from(is_missing)));
    missing * 2 > all
}

impl Completeness<'_> {
    /// The same, partial if `is_partial`.
    pub(super) fn partial_if(mut self, is_partial: bool) -> Self {
        self.is_partial |= is_partial;
        self
    }

    /// The same, with this many threads left out because of a limit, if there are any.
    pub(super) fn with_threads_left_out(mut self, left_out: Option<(usize, Exhausted)>) -> Self {
        if let Some((count, why)) = left_out {
            self.is_partial = true;
            self.left_out.push(format!("{count} threads left out: {}", reason(why)));
        }
        self
    }

    /// The same, with these notes of this process.
    pub(super) fn with_notes(mut self, notes: &[String]) -> Self {
        self.notes.extend_from_slice(notes);
        self
    }

    /// The same, with a note of this process before those of the agent.
    pub(super) fn with_note(mut self, note: Option<String>) -> Self {
        self.notes.splice(0..0, note);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_partial_when_most_of_it_is_missing() {
        let (known, none) = (Known::Value(7), Known::unavailable("no limit", "set one"));
        let missing: Known<u64> = Known::unavailable("no /proc", "");
        let most = |values: &[&Known<u64>]| most_are_missing(values.iter().map(|value| is_missing(*value)));
        assert!(most(&[&missing, &missing, &known]) && !most(&[&missing, &known]));
        assert!(!most(&[&none, &none, &known]) && !most(&[]));
    }

    #[test]
    fn losses_make_an_answer_partial_and_approximate_numbers_do_not() {
        let end = |kind| {
            let (what, why) = ("samples".to_owned(), "the ring was full".to_owned());
            End { notes: vec![Note { kind, what, count: 3, why }] }
        };
        let lost = end(NoteKind::Dropped);
        let lost = Completeness::of(Ok(&lost));
        assert!(!lost.is_complete());
        assert_eq!(lost.notes(), ["3 samples dropped: the ring was full"]);
        for kind in [NoteKind::Approximate, NoteKind::EndedEarly] {
            let end = end(kind);
            let noted = Completeness::of(Ok(&end));
            assert!(noted.is_complete() && noted.notes().len() == 1, "{kind:?}");
        }
        let end = End::default();
        let left_out = Completeness::of(Ok(&end)).with_threads_left_out(Some((2, Exhausted::Time)));
        assert!(!left_out.is_complete());
        assert_eq!(
            left_out.sentences(),
            ["2 threads left out: the time limit was reached; allow more with --max-memory or --timeout"]
        );
    }
}
