//! The common part of all JSON documents: the schema, the process that answered, and what the answer lacks. The
//! body of the command follows.

use std::io::{self, Write};

use rgops_protocol::reply::End;
use serde::Serialize;

use super::known::{JsonNote, JsonProcess, json_notes};
use crate::budget::Exhausted;
use crate::text::{Escaping, reason, write_json};

/// An answer as one JSON document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Document<T> {
    /// `rgops.COMMAND/VERSION`. Adding a field keeps the version. Changing the meaning of a field or removing it
    /// increases the version.
    schema: &'static str,
    /// The process that answered.
    process: JsonProcess,
    /// What is missing or approximate.
    notes: Vec<JsonNote>,
    /// Why the answer ended early or is cut; absent when it is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_off: Option<String>,
    #[serde(flatten)]
    body: T,
    #[serde(skip)]
    cut: Option<Exhausted>,
}

impl<T: Serialize> Document<T> {
    /// A document of an answer with its notes, or with the reason why the answer ended early. If lists are `cut`
    /// because of a limit of memory or time, that is the reason unless there is another one.
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

    /// Whether lists in it are cut because of a limit of memory or time.
    pub fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// Which limit cut the lists in it; `None` if they are complete.
    pub fn cut(&self) -> Option<Exhausted> {
        self.cut
    }

    /// Writes it with indentation and a newline, without building the whole text in memory. Characters that control a
    /// terminal are escaped.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_to(&self, out: impl Write) -> io::Result<()> {
        write_json(out, self)
    }

    /// The document on one line, with a newline.
    ///
    /// # Errors
    /// Never: every document can be serialized.
    pub fn to_line(&self) -> io::Result<String> {
        let mut line = Escaping(Vec::new());
        serde_json::to_writer(&mut line, self)?;
        Ok(String::from_utf8_lossy(&line.0).into_owned() + "\n")
    }
}
