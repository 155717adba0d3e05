//! The answer of `rgops diagnose` as text and JSON: the findings, worst first, then what was looked at.

use std::fmt::Write as _;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::{End, Unavailable};
use serde::Serialize;

use super::finding::{Concerned, Finding, Gap, Kind, Place};
use super::table::{Diagnosis, LookedAt};
use crate::report::Document;
use crate::text::known::{sentence, words};
use crate::text::{counted, duration, elided_to, escape, shown_name};

/// Before a line that belongs to the one above.
const INDENT: &str = "  ";
/// Characters of a sentence with names in it.
const LONGEST_LINE: usize = 360;

/// The answer as text. `typed` is the target as the user typed it, for the suggested commands.
pub fn render(hello: &AgentHello, typed: &str, window_ns: u64, diagnosis: &Diagnosis) -> String {
    let Diagnosis { findings, looked_at } = diagnosis;
    let mut text = String::new();
    let window = duration(window_ns / 100_000_000 * 100_000_000);
    let found = match findings.len() {
        0 => "nothing found".to_owned(),
        count => counted(count as u64, "finding"),
    };
    // Below, `let _ = write!`: writing to a string cannot fail.
    let _ = writeln!(text, "{} (pid {}): {found} in {window}", escape(&hello.name), hello.pid);
    for (number, finding) in findings.iter().enumerate() {
        write_finding(&mut text, number + 1, finding, typed);
    }
    text.push('\n');
    write_looked_at(&mut text, looked_at);
    text
}

fn write_finding(text: &mut String, number: usize, finding: &Finding, typed: &str) {
    let _ = writeln!(text, "\n{number}. {}: {}", finding.kind.name(), with_names(&finding.what));
    lines(text, "evidence", finding.evidence.iter().map(|line| with_names(line)));
    for one in &finding.concerned {
        let _ = writeln!(text, "   {}: {}", with_names(&one.who), with_names(&one.does));
        if let Some(place) = &one.place {
            let _ = writeln!(text, "      at {}", place_text(place));
        }
    }
    if finding.concerned_left_out > 0 {
        let _ = writeln!(text, "   and {} more", finding.concerned_left_out);
    }
    if !finding.caution.is_empty() {
        lines(text, "but", [escape(&finding.caution).into_owned()]);
    }
    let commands: Vec<String> = finding.more.iter().map(|(command, _)| with_target(command, typed)).collect();
    let width = commands.iter().map(|command| command.chars().count()).max().unwrap_or(0);
    let more = commands
        .iter()
        .zip(&finding.more)
        .map(|(command, (_, shows))| format!("{command:<width$}   {shows}"));
    lines(text, "next", more);
}

fn lines(text: &mut String, word: &str, lines: impl IntoIterator<Item = String>) {
    for (number, line) in lines.into_iter().enumerate() {
        let word = if number == 0 { word } else { "" };
        let _ = writeln!(text, "   {word:<8}  {line}");
    }
}

/// Text of ours with names in it, which is longer than a name.
fn with_names(text: &str) -> String {
    elided_to(&escape(text), LONGEST_LINE).into_owned()
}

fn place_text(place: &Place) -> String {
    let function = shown_name(&place.function);
    match (&place.file, place.line) {
        (Some(file), Some(line)) => format!("{function} {}:{line}", escape(file)),
        _ => function,
    }
}

/// The whole command, for the target as the user typed it.
fn with_target(command: &str, typed: &str) -> String {
    format!("rgops {}", escape(command).replacen("PID", &escape(typed), 1))
}

fn write_looked_at(text: &mut String, looked_at: &[LookedAt]) {
    text.push_str("looked for:\n");
    let width = looked_at.iter().map(|one| one.kind.name().len()).max().unwrap_or(0);
    for one in looked_at.iter().filter(|one| !one.at.is_empty()) {
        let _ = writeln!(text, "  {:<width$}  {}", one.kind.name(), escape(&one.at));
    }
    let mut gaps: Vec<(&Gap, Vec<&str>)> = Vec::new();
    for one in looked_at {
        for gap in &one.gaps {
            match gaps.iter_mut().find(|(known, _)| *known == gap) {
                Some((_, kinds)) => kinds.push(one.kind.name()),
                None => gaps.push((gap, vec![one.kind.name()])),
            }
        }
    }
    for (gap, kinds) in gaps {
        let _ = writeln!(text, "not looked at: {} (for: {})", escape(&gap.what), kinds.join(", "));
        let _ = writeln!(text, "{INDENT}{}", escape(&sentence(&gap.why)));
    }
}

/// The answer in JSON, `rgops.diagnose/1`. Adding a field keeps the number; changing the meaning of a field or
/// removing it increases the number.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonDiagnosis {
    /// From the first look to the last, in nanoseconds.
    pub window_ns: u64,
    /// What is wrong, worst first; empty if nothing was found.
    pub findings: Vec<JsonFinding>,
    /// For each kind of finding, what was looked at.
    pub looked_at: Vec<JsonLookedAt>,
    /// Commands that failed or whose answers were incomplete, as sentences.
    pub failed: Vec<String>,
}

/// Something that is wrong.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonFinding {
    /// Its kind.
    pub kind: Kind,
    /// What is wrong, as one sentence.
    pub what: String,
    /// What shows it, as sentences with numbers and units.
    pub evidence: Vec<String>,
    /// Threads, tasks and lines, the most telling first.
    pub concerned: Vec<JsonConcerned>,
    /// Further ones that are not listed.
    pub concerned_left_out: u64,
    /// What else it could be; empty if nothing else.
    pub caution: String,
    /// Commands that show more: what follows `rgops`, with `PID` for the target.
    pub more: Vec<String>,
}

/// A thread, a task or several alike.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonConcerned {
    /// Who, as text.
    pub who: String,
    /// What it does, as text.
    pub does: String,
    /// Kernel thread ids; some, if there are many.
    pub threads: Vec<u32>,
    /// Ids of tasks; some, if there are many.
    pub tasks: Vec<u64>,
    /// The line of the program; `null` if unknown.
    pub place: Option<Place>,
}

/// What was looked at for a kind of finding.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonLookedAt {
    /// The kind.
    pub kind: Kind,
    /// What was looked at, as text; empty if nothing could be.
    pub at: String,
    /// What could not be looked at.
    pub not: Vec<JsonGap>,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonGap {
    /// What was not looked at.
    pub what: String,
    /// Why.
    pub reason: String,
    /// What would help; empty if nothing does.
    pub fix: String,
    /// `program` where the text comes from another user's program; otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'static str>,
}

impl JsonDiagnosis {
    /// The JSON form of an answer.
    pub fn document(
        hello: &AgentHello,
        end: &End,
        window_ns: u64,
        diagnosis: &Diagnosis,
        failed: &[String],
    ) -> Document<JsonDiagnosis> {
        let body = JsonDiagnosis {
            window_ns,
            findings: diagnosis.findings.iter().map(JsonFinding::from).collect(),
            looked_at: diagnosis.looked_at.iter().map(JsonLookedAt::from).collect(),
            failed: failed.to_vec(),
        };
        Document::new("rgops.diagnose/1", hello.into(), Ok(end), body, None)
    }
}

impl From<&Finding> for JsonFinding {
    fn from(finding: &Finding) -> JsonFinding {
        JsonFinding {
            kind: finding.kind,
            what: finding.what.clone(),
            evidence: finding.evidence.clone(),
            concerned: finding.concerned.iter().map(JsonConcerned::from).collect(),
            concerned_left_out: finding.concerned_left_out as u64,
            caution: finding.caution.clone(),
            more: finding.more.iter().map(|(command, _)| command.clone()).collect(),
        }
    }
}

impl From<&Concerned> for JsonConcerned {
    fn from(one: &Concerned) -> JsonConcerned {
        let Concerned { who, does, threads, tasks, place } = one.clone();
        JsonConcerned { who, does, threads, tasks, place }
    }
}

impl From<&LookedAt> for JsonLookedAt {
    fn from(looked_at: &LookedAt) -> JsonLookedAt {
        let not = looked_at.gaps.iter().map(JsonGap::from).collect();
        JsonLookedAt { kind: looked_at.kind, at: looked_at.at.clone(), not }
    }
}

impl From<&Gap> for JsonGap {
    fn from(gap: &Gap) -> JsonGap {
        let Unavailable { reason, fix } = &gap.why;
        let (reason, source) = words(reason);
        JsonGap { what: gap.what.clone(), reason: reason.to_owned(), fix: words(fix).0.to_owned(), source }
    }
}
