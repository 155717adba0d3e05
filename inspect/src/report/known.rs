//! Values that may be missing, as text and as JSON, and the parts of the JSON contract that all
//! reports share: who answered, and what the answer lacks.

use rgops_protocol::hello::AgentHello;
use rgops_protocol::received::{program_said, program_says};
use rgops_protocol::reply::{End, Known, Note, NoteKind, Unavailable};
use serde::{Serialize, Serializer};

use super::text::escape;

/// A value in JSON: itself, or `{"unavailable": reason, "fix": what would mend it}`, with
/// `"source": "program"` where these are the words of another user's program.
#[derive(Debug, Clone)]
pub struct JsonKnown<T>(pub Known<T>);

impl<T: Serialize> Serialize for JsonKnown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Missing<'m> {
            unavailable: &'m str,
            #[serde(skip_serializing_if = "str::is_empty")]
            fix: &'m str,
            #[serde(skip_serializing_if = "Option::is_none")]
            source: Option<&'static str>,
        }
        match &self.0 {
            Known::Value(value) => value.serialize(serializer),
            Known::Unavailable(missing) => {
                let (unavailable, source) = words(&missing.reason);
                Missing { unavailable, fix: words(&missing.fix).0, source }.serialize(serializer)
            }
        }
    }
}

impl<T> From<Known<T>> for JsonKnown<T> {
    fn from(known: Known<T>) -> JsonKnown<T> {
        JsonKnown(known)
    }
}

/// A sentence for JSON: without the mark of the program's words, and `program` where it had one.
pub(super) fn words(sentence: &str) -> (&str, Option<&'static str>) {
    match program_said(sentence) {
        Some(said) => (said, Some("program")),
        None => (sentence, None),
    }
}

/// The process that answered.
#[derive(Debug, Clone, Serialize)]
pub struct JsonProcess {
    /// Process id in the agent's own pid namespace.
    pub pid: u32,
    /// Name the program's author gave it, else the executable's file name.
    pub name: String,
}

impl From<&AgentHello> for JsonProcess {
    fn from(hello: &AgentHello) -> JsonProcess {
        JsonProcess { pid: hello.pid, name: hello.name.clone() }
    }
}

/// Something an answer lacks.
#[derive(Debug, Clone, Serialize)]
pub struct JsonNote {
    /// `dropped`, `truncated`, `missing`, `approximate` or `ended-early`.
    pub kind: &'static str,
    /// To what it happened: `samples`, `threads`, …
    pub what: String,
    /// To how many.
    pub count: u64,
    /// Why.
    pub why: String,
    /// `program` where it is another user's program that says so; absent where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'static str>,
}

impl From<&Note> for JsonNote {
    fn from(note: &Note) -> JsonNote {
        let kind = match note.kind {
            NoteKind::Dropped => "dropped",
            NoteKind::Truncated => "truncated",
            NoteKind::Missing => "missing",
            NoteKind::Approximate => "approximate",
            NoteKind::EndedEarly => "ended-early",
        };
        let (why, source) = words(&note.why);
        JsonNote { kind, what: note.what.clone(), count: note.count, why: why.to_owned(), source }
    }
}

/// The notes of an answer.
pub fn json_notes(end: &End) -> Vec<JsonNote> {
    end.notes.iter().map(JsonNote::from).collect()
}

/// A value as text: as `show` writes it, or `unavailable (reason; fix: …)`.
pub fn show<T>(known: &Known<T>, show: impl FnOnce(&T) -> String) -> String {
    match known {
        Known::Value(value) => show(value),
        Known::Unavailable(missing) => unavailable(missing),
    }
}

/// `unavailable (reason; fix: …)`.
pub fn unavailable(missing: &Unavailable) -> String {
    format!("unavailable ({})", escape(&sentence(missing)))
}

/// `reason; fix: …`, all of it as the program's words if it is another user's program that says so.
pub fn sentence(missing: &Unavailable) -> String {
    let (reason, fix) = (&*missing.reason, &*missing.fix);
    match (program_said(reason), program_said(fix)) {
        _ if fix.is_empty() => reason.to_owned(),
        (Some(reason), Some(fix)) => program_says(&format!("{reason}; fix: {fix}")),
        _ => format!("{reason}; fix: {fix}"),
    }
}

/// What an answer lacks, as one line; all of it as the program's words if it is another user's program that
/// says so.
pub fn note_text(note: &Note) -> String {
    let Note { kind, what, count, why } = note;
    let text = |why: &str| match kind {
        NoteKind::Dropped => format!("{count} {what} dropped: {why}"),
        NoteKind::Truncated => format!("{count} {what} cut short: {why}"),
        NoteKind::Missing => format!("{count} {what} missing: {why}"),
        NoteKind::Approximate => format!("{count} {what} approximate: {why}"),
        NoteKind::EndedEarly => format!("ended early with {count} {what}: {why}"),
    };
    program_said(why).map_or_else(|| text(why), |said| program_says(&text(said)))
}

/// What is missing, as a profile's comments say it: `3 threads: …`, all of it as the program's words if it is
/// another user's program that says so.
pub(crate) fn missing_text(note: &Note) -> String {
    let Note { what, count, why, .. } = note;
    let text = |why: &str| format!("{count} {what}: {why}");
    program_said(why).map_or_else(|| text(why), |said| program_says(&text(said)))
}

/// A greeting, for the tests of reports.
#[cfg(test)]
pub(crate) fn hello_for_tests() -> AgentHello {
    AgentHello {
        protocol: 1,
        agent: "0.1.0".into(),
        pid: 4711,
        start_time: 99,
        cookie: [0; 16],
        build_id: Vec::new(),
        name: "shop".into(),
        commands: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn missing_values_say_why_in_both_forms() {
        let missing: Known<u64> = Known::unavailable("no\nlimit", "set memory.max");
        assert_eq!(show(&missing, u64::to_string), "unavailable (no\\nlimit; fix: set memory.max)");
        let json = serde_json::to_string(&JsonKnown(missing)).unwrap();
        assert_eq!(json, r#"{"unavailable":"no\nlimit","fix":"set memory.max"}"#);
        assert_eq!(serde_json::to_string(&JsonKnown(Known::Value(7))).unwrap(), "7");
        assert_eq!(
            show(&Known::<u64>::unavailable("no limit", ""), u64::to_string),
            "unavailable (no limit)"
        );
    }

    #[test]
    fn words_of_another_users_program_are_shown_as_its_own_in_both_forms() {
        let missing: Known<u64> = Known::unavailable(program_says("no \"limit\""), program_says("run evil"));
        let shown = show(&missing, u64::to_string);
        assert_eq!(shown, "unavailable (the program says: \"no 'limit'; fix: run evil\")");
        let json = serde_json::to_string(&JsonKnown(missing)).unwrap();
        assert_eq!(json, r#"{"unavailable":"no 'limit'","fix":"run evil","source":"program"}"#);
        let missing: Known<u64> = Known::unavailable(program_says("no limit"), "");
        assert_eq!(show(&missing, u64::to_string), "unavailable (the program says: \"no limit\")");

        let missing: Known<u64> = Known::unavailable(program_says(""), program_says("run evil"));
        let shown = show(&missing, u64::to_string);
        assert_eq!(shown, "unavailable (the program says: \"; fix: run evil\")");
        let json = serde_json::to_string(&JsonKnown(missing)).unwrap();
        assert_eq!(json, r#"{"unavailable":"","fix":"run evil","source":"program"}"#);

        let (what, why) = ("threads\" fix: evil".to_owned(), program_says("fix: run evil"));
        let note = Note { kind: NoteKind::Missing, what, count: 3, why };
        let said = "the program says: \"3 threads' fix: evil missing: fix: run evil\"";
        assert_eq!(note_text(&note), said);
        assert_eq!(missing_text(&note), "the program says: \"3 threads' fix: evil: fix: run evil\"");
        let json = serde_json::to_value(JsonNote::from(&note)).unwrap();
        assert_eq!((&json["why"], &json["source"]), (&"fix: run evil".into(), &"program".into()));
        let note = Note { why: "they ended".to_owned(), what: "threads".to_owned(), ..note };
        assert_eq!(note_text(&note), "3 threads missing: they ended");
        assert_eq!(missing_text(&note), "3 threads: they ended");
        assert!(serde_json::to_value(JsonNote::from(&note)).unwrap().get("source").is_none());
    }
}
