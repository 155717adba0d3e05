//! The answer of `rgops memstats` as text and JSON.

use std::fmt::Write as _;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::reply::memstats::{Field, MemstatsReply, Unit};
use serde::Serialize;

use super::explain::{JsonExplanation, explain};
use crate::report::document::Document;
use crate::report::known::JsonKnown;
use crate::text::known::show_limit;
use crate::text::{bytes, escape, label};

/// The answer in JSON, `rgops.memstats/1`. Adding a field keeps the number; changing the meaning of a field or
/// removing it increases the number.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonMemstats {
    /// The parts of resident memory; `null` if unknown.
    pub explained: Option<JsonExplanation>,
    /// `process`, `cgroup`, `heap` (the wrapper's counters), then each allocator.
    pub sections: Vec<JsonSection>,
}

/// Numbers from one source.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonSection {
    /// `process`, `cgroup`, or the allocator's name.
    pub name: String,
    /// In display order.
    pub fields: Vec<JsonField>,
}

/// One number.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonField {
    /// Its name; the name in gops where the meaning is the same.
    pub name: String,
    /// `bytes` or `count`.
    pub unit: &'static str,
    /// The number.
    pub value: JsonKnown<u64>,
    /// Where the agent read it.
    pub source: String,
}

impl JsonMemstats {
    /// The JSON form of an answer.
    pub fn document(hello: &AgentHello, reply: &MemstatsReply, end: &End) -> Document<JsonMemstats> {
        let sections = reply.sections.iter().map(|section| JsonSection {
            name: section.name.clone(),
            fields: section.fields.iter().map(json_field).collect(),
        });
        let body = JsonMemstats {
            explained: explain(reply).map(JsonExplanation::from),
            sections: sections.collect(),
        };
        Document::new("rgops.memstats/1", hello.into(), Ok(end), body, None)
    }
}

pub(in crate::report) fn json_field(field: &Field) -> JsonField {
    JsonField {
        name: field.name.clone(),
        unit: match field.unit {
            Unit::Bytes => "bytes",
            Unit::Count => "count",
        },
        value: field.value.clone().into(),
        source: field.source.clone(),
    }
}

/// The answer as text: a heading per section, then `name: value` lines in the format of gops. With `sources`, each
/// line shows the source of its number.
pub fn render(reply: &MemstatsReply, sources: bool) -> String {
    let mut text = String::new();
    for (number, section) in reply.sections.iter().enumerate() {
        let gap = if number == 0 { "" } else { "\n" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{gap}[{}]", escape(&section.name));
        let lines = section.fields.iter().map(|field| {
            let value = show_limit(&field.value, |value| match field.unit {
                Unit::Bytes => bytes(*value),
                Unit::Count => value.to_string(),
            });
            (format!("{}: {value}", label(&field.name)), escape(&field.source))
        });
        let lines: Vec<_> = lines.collect();
        let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0).min(60);
        for (line, source) in lines {
            let _ = match sources && !source.is_empty() {
                true => writeln!(text, "{line:<width$}  # {source}"),
                false => writeln!(text, "{line}"),
            };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use rgops_protocol::reply::Known;
    use rgops_protocol::reply::memstats::Section;

    fn reply() -> MemstatsReply {
        let field = |name: &str, unit, value, source: &str| Field {
            name: name.into(),
            unit,
            value,
            source: source.into(),
        };
        MemstatsReply {
            sections: vec![
                Section {
                    name: "process".into(),
                    fields: vec![
                        field("rss", Unit::Bytes, Known::Value(17_148_544), "/proc/thread-self/status VmRSS"),
                        field("page-faults-major", Unit::Count, Known::Value(12), "/proc/self/stat majflt"),
                    ],
                },
                Section {
                    name: "cgroup\x1b[2J".into(),
                    fields: vec![field(
                        "limit",
                        Unit::Bytes,
                        Known::unavailable("no limit", "set memory.max"),
                        "memory.max",
                    )],
                },
            ],
        }
    }

    #[test]
    fn the_screen_is_gops_layout_in_sections() {
        let expected = "\
[process]
rss: 16.35MB (17148544 bytes)
page-faults-major: 12

[cgroup\\x1b[2J]
limit: none
";
        assert_eq!(render(&reply(), false), expected);
        let expected = "\
[process]
rss: 16.35MB (17148544 bytes)  # /proc/thread-self/status VmRSS
page-faults-major: 12          # /proc/self/stat majflt
";
        assert!(render(&reply(), true).starts_with(expected), "{}", render(&reply(), true));
    }

    #[test]
    fn the_json_has_numbers_units_and_reasons() {
        let hello = crate::made::hello();
        let json = serde_json::to_value(JsonMemstats::document(&hello, &reply(), &End::default())).unwrap();
        assert_eq!(json["schema"], "rgops.memstats/1");
        assert_eq!(json["process"]["pid"], 4711);
        assert_eq!(json["explained"]["rss_bytes"], 17_148_544);
        assert_eq!(json["sections"][0]["fields"][0]["value"], 17_148_544);
        assert_eq!(json["sections"][0]["fields"][0]["unit"], "bytes");
        assert_eq!(json["sections"][1]["fields"][0]["value"]["unavailable"], "no limit");
    }
}
