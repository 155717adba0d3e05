//! Values that may be missing, and notes about missing parts of an answer, as text.

use rgops_protocol::received::{program_said, program_says};
use rgops_protocol::reply::{Known, Note, NoteKind, Unavailable};

use super::printable::escape;

/// A value as text: the result of `show`, or `unavailable (reason; fix: …)`.
pub fn show<T>(known: &Known<T>, show: impl FnOnce(&T) -> String) -> String {
    match known {
        Known::Value(value) => show(value),
        Known::Unavailable(missing) => unavailable(missing),
    }
}

/// The reason that agents give for a limit that is not set.
pub(crate) const NO_LIMIT: &str = "no limit";

/// The same for a limit: one that is not set is known to be `none`.
pub(crate) fn show_limit<T>(known: &Known<T>, text: impl FnOnce(&T) -> String) -> String {
    match known {
        Known::Unavailable(missing) if missing.reason == NO_LIMIT => "none".to_owned(),
        known => show(known, text),
    }
}

/// `unavailable (reason; fix: …)`.
pub fn unavailable(missing: &Unavailable) -> String {
    format!("unavailable ({})", escape(&sentence(missing)))
}

/// `reason; fix: …`. If any part comes from another user's program, all of it is marked as such.
pub fn sentence(missing: &Unavailable) -> String {
    let (reason, fix) = (&*missing.reason, &*missing.fix);
    match (program_said(reason), program_said(fix)) {
        _ if fix.is_empty() => reason.to_owned(),
        (Some(reason), Some(fix)) => program_says(&format!("{reason}; fix: {fix}")),
        _ => format!("{reason}; fix: {fix}"),
    }
}

/// What an answer lacks, as one line. If it comes from another user's program, the line is marked as such.
pub fn note_text(note: &Note) -> String {
    let Note { kind, what, count, why } = note;
    let text = |why: &str| match kind {
        NoteKind::Dropped => format!("{count} {what} dropped: {why}"),
        NoteKind::Truncated => format!("{count} {what} truncated: {why}"),
        NoteKind::Missing => format!("{count} {what} missing: {why}"),
        NoteKind::Approximate => format!("{count} {what} approximate: {why}"),
        NoteKind::EndedEarly => format!("ended early with {count} {what}: {why}"),
    };
    marked(why, text)
}

/// What is missing, for the comments of a profile: `3 threads: …`. If it comes from another user's program, the
/// text is marked as such.
pub(crate) fn missing_text(note: &Note) -> String {
    let Note { what, count, why, .. } = note;
    let text = |why: &str| format!("{count} {what}: {why}");
    marked(why, text)
}

/// `text` of a sentence. If the sentence comes from another user's program, the result is marked as such.
fn marked(sentence: &str, text: impl Fn(&str) -> String) -> String {
    program_said(sentence).map_or_else(|| text(sentence), |said| program_says(&text(said)))
}

/// A sentence for JSON: without the mark, and with `program` as its source if it had the mark.
pub(crate) fn words(sentence: &str) -> (&str, Option<&'static str>) {
    match program_said(sentence) {
        Some(said) => (said, Some("program")),
        None => (sentence, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_have_their_reason() {
        let missing: Known<u64> = Known::unavailable("no\nlimit", "set memory.max");
        assert_eq!(show(&missing, u64::to_string), "unavailable (no\\nlimit; fix: set memory.max)");
        let none = Known::<u64>::unavailable("no limit", "set memory.max");
        assert_eq!(show_limit(&none, u64::to_string), "none");
        assert_eq!(show_limit(&missing, u64::to_string), show(&missing, u64::to_string));
        assert_eq!(
            show(&Known::<u64>::unavailable("no limit", ""), u64::to_string),
            "unavailable (no limit)"
        );
    }

    #[test]
    fn text_of_another_users_program_is_marked() {
        let missing: Known<u64> = Known::unavailable(program_says("no \"limit\""), program_says("run evil"));
        let shown = show(&missing, u64::to_string);
        assert_eq!(shown, "unavailable (the program says: \"no 'limit'; fix: run evil\")");
        let missing: Known<u64> = Known::unavailable(program_says("no limit"), "");
        assert_eq!(show(&missing, u64::to_string), "unavailable (the program says: \"no limit\")");
        let missing: Known<u64> = Known::unavailable(program_says(""), program_says("run evil"));
        let shown = show(&missing, u64::to_string);
        assert_eq!(shown, "unavailable (the program says: \"; fix: run evil\")");

        let (what, why) = ("threads\" fix: evil".to_owned(), program_says("fix: run evil"));
        let note = Note { kind: NoteKind::Missing, what, count: 3, why };
        let said = "the program says: \"3 threads' fix: evil missing: fix: run evil\"";
        assert_eq!(note_text(&note), said);
        assert_eq!(missing_text(&note), "the program says: \"3 threads' fix: evil: fix: run evil\"");
        let note = Note { why: "they ended".to_owned(), what: "threads".to_owned(), ..note };
        assert_eq!(note_text(&note), "3 threads missing: they ended");
        assert_eq!(missing_text(&note), "3 threads: they ended");
    }
}
