//! What all JSON documents have in common: the schema, who answered, what the answer lacks. Then comes what was asked
//! for.

use std::io::{self, Write};

use rgops_protocol::reply::End;
use serde::Serialize;

use super::known::{JsonNote, JsonProcess, json_notes};
use crate::budget::Exhausted;
use crate::text::{Escaping, reason};

/// An answer as one JSON document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Document<T> {
    /// `rgops.COMMAND/VERSION`. A field that is added keeps the version; one that changes its meaning or goes away
    /// raises it.
    schema: &'static str,
    /// Who answered.
    process: JsonProcess,
    /// What is missing or not exact.
    notes: Vec<JsonNote>,
    /// Why the answer broke off, or is cut; absent when it is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_off: Option<String>,
    #[serde(flatten)]
    body: T,
    #[serde(skip)]
    cut: Option<Exhausted>,
}

impl<T: Serialize> Document<T> {
    /// A document of an answer with its notes, or with the reason it broke off. Where lists in it are `cut`, because
    /// there was no memory or time for the rest, that is the reason, if there is no other.
    pub(crate) fn new(
        schema: &'static str,
        process: JsonProcess,
        end: Result<&End, String>,
        body: T,
        cut: Option<Exhausted>,
    ) -> Document<T> {
        let notes = end.as_ref().map(|end| json_notes(end)).unwrap_or_default();
        let left_out = || cut.map(|why| format!("the rest is left out: {}", reason(why)));
        Document { schema, process, notes, broken_off: end.err().or_else(left_out), body, cut }
    }

    /// Whether lists in it end early, because there was no memory or time for the rest.
    pub fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// Why lists in it end early; `None` when they do not.
    pub fn cut(&self) -> Option<Exhausted> {
        self.cut
    }

    /// Writes it with indentation and a line end, while it is made: as one text it would be as large again as all
    /// that it tells of. What steers a terminal is escaped.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_to(&self, out: impl Write) -> io::Result<()> {
        let mut out = Escaping(out);
        serde_json::to_writer_pretty(&mut out, self)?;
        out.write_all(b"\n")
    }

    /// The document on one line, with its line end.
    ///
    /// # Errors
    /// No document of ours fails to become JSON.
    pub fn to_line(&self) -> io::Result<String> {
        let mut line = Escaping(Vec::new());
        serde_json::to_writer(&mut line, self)?;
        Ok(String::from_utf8_lossy(&line.0).into_owned() + "\n")
    }
}
