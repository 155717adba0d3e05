//! An answer as one JSON document.

use std::io::{self, Write};

use serde::Serialize;

use crate::budget::Exhausted;
use crate::text::Escaping;

/// An answer as one JSON document.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Document<T> {
    body: T,
    #[serde(skip)]
    cut: Option<Exhausted>,
}

impl<T: Serialize> Document<T> {
    pub(crate) fn new(body: T, cut: Option<Exhausted>) -> Document<T> {
        Document { body, cut }
    }

    /// Whether lists in it end early, because there was no memory or time for the rest.
    pub fn is_cut(&self) -> bool {
        self.cut.is_some()
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
