//! Values that may be missing, as text and as JSON, and the parts of the JSON contract that all
//! reports share: who answered, and what the answer lacks.

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::{End, Known, Note, NoteKind, Unavailable};
use serde::{Serialize, Serializer};

use super::text::escape;

/// A value in JSON: itself, or `{"unavailable": reason, "fix": what would mend it}`.
#[derive(Debug, Clone)]
pub struct JsonKnown<T>(pub Known<T>);

impl<T: Serialize> Serialize for JsonKnown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Missing<'m> {
            unavailable: &'m str,
            #[serde(skip_serializing_if = "str::is_empty")]
            fix: &'m str,
        }
        match &self.0 {
            Known::Value(value) => value.serialize(serializer),
            Known::Unavailable(missing) => {
                Missing { unavailable: &missing.reason, fix: &missing.fix }.serialize(serializer)
            }
        }
    }
}

impl<T> From<Known<T>> for JsonKnown<T> {
    fn from(known: Known<T>) -> JsonKnown<T> {
        JsonKnown(known)
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
        JsonNote { kind, what: note.what.clone(), count: note.count, why: note.why.clone() }
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
    match missing.fix.as_str() {
        "" => format!("unavailable ({})", escape(&missing.reason)),
        fix => format!("unavailable ({}; fix: {})", escape(&missing.reason), escape(fix)),
    }
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
}
