//! The parts of the JSON contract that all reports share: values that may be missing, the process that answered,
//! and what the answer lacks.

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::{End, Known, Note, NoteKind};
use serde::{Serialize, Serializer};

use crate::text::known::words;

/// A value in JSON: itself, or `{"unavailable": reason, "fix": how to get it}`, with `"source": "program"` where
/// the text comes from another user's program.
#[derive(Debug, Clone, PartialEq, Eq)]
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

#[cfg(test)]
impl<T: schemars::JsonSchema> schemars::JsonSchema for JsonKnown<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Known_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [generator.subschema_for::<T>(), generator.subschema_for::<JsonUnavailable>()]
        })
    }
}

/// A value that is missing.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct JsonUnavailable {
    /// Why.
    unavailable: String,
    /// How to get the value; absent if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    fix: String,
    /// `program` where the text comes from another user's program; otherwise absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
}

impl<T> From<Known<T>> for JsonKnown<T> {
    fn from(known: Known<T>) -> JsonKnown<T> {
        JsonKnown(known)
    }
}

/// The process that answered.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonProcess {
    /// Process id in the agent's own pid namespace.
    pub pid: u32,
    /// The name set by the program's author, otherwise the file name of the executable.
    pub name: String,
}

impl From<&AgentHello> for JsonProcess {
    fn from(hello: &AgentHello) -> JsonProcess {
        JsonProcess { pid: hello.pid, name: hello.name.clone() }
    }
}

/// Something that an answer lacks.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonNote {
    /// `dropped`, `truncated`, `missing`, `approximate` or `ended-early`.
    pub kind: &'static str,
    /// What is affected: `samples`, `threads`, …
    pub what: String,
    /// How many are affected.
    pub count: u64,
    /// Why.
    pub why: String,
    /// `program` where the text comes from another user's program; otherwise absent.
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use rgops_protocol::received::program_says;

    use super::*;

    #[test]
    fn missing_values_have_a_reason() {
        let missing: Known<u64> = Known::unavailable("no\nlimit", "set memory.max");
        let json = serde_json::to_string(&JsonKnown(missing)).unwrap();
        assert_eq!(json, r#"{"unavailable":"no\nlimit","fix":"set memory.max"}"#);
        assert_eq!(serde_json::to_string(&JsonKnown(Known::Value(7))).unwrap(), "7");
    }

    #[test]
    fn text_from_another_users_program_is_marked() {
        let missing: Known<u64> = Known::unavailable(program_says("no \"limit\""), program_says("run evil"));
        let json = serde_json::to_string(&JsonKnown(missing)).unwrap();
        assert_eq!(json, r#"{"unavailable":"no 'limit'","fix":"run evil","source":"program"}"#);
        let missing: Known<u64> = Known::unavailable(program_says(""), program_says("run evil"));
        let json = serde_json::to_string(&JsonKnown(missing)).unwrap();
        assert_eq!(json, r#"{"unavailable":"","fix":"run evil","source":"program"}"#);

        let (what, why) = ("threads".to_owned(), program_says("fix: run evil"));
        let note = Note { kind: NoteKind::Missing, what, count: 3, why };
        let json = serde_json::to_value(JsonNote::from(&note)).unwrap();
        assert_eq!((&json["why"], &json["source"]), (&"fix: run evil".into(), &"program".into()));
        let note = Note { why: "they ended".to_owned(), ..note };
        assert!(serde_json::to_value(JsonNote::from(&note)).unwrap().get("source").is_none());
    }
}
