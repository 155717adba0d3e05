//! The source files of a report, read once each and by line.

use std::collections::HashMap;
use std::ops::Range;

use crate::environment::Environment;
use crate::settings::Settings;

/// Bytes of all source files together.
const MOST_BYTES: usize = 256 << 20;

/// Source files by line.
pub(super) struct SourceLines<'e> {
    environment: &'e dyn Environment,
    settings: &'e Settings,
    files: HashMap<String, Result<File, String>>,
    bytes: usize,
}

struct File {
    text: String,
    lines: Vec<Range<usize>>,
}

impl<'e> SourceLines<'e> {
    pub(super) fn new(environment: &'e dyn Environment, settings: &'e Settings) -> SourceLines<'e> {
        SourceLines { environment, settings, files: HashMap::new(), bytes: 0 }
    }

    /// The line with this number, from 1, without its end; `None` if the file does not have it or cannot be read.
    pub(super) fn line(&mut self, path: &str, number: i64) -> Option<&str> {
        let file = self.file(path).as_ref().ok()?;
        let range = file.lines.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
        file.text.get(range.clone())
    }

    /// Why a file cannot be read.
    pub(super) fn error(&mut self, path: &str) -> Option<&str> {
        self.file(path).as_ref().err().map(String::as_str)
    }

    /// The same of a file of which a line was asked for: one that no line is shown of is not missed.
    pub(super) fn known_error(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_ref().err().map(String::as_str)
    }

    fn file(&mut self, path: &str) -> &Result<File, String> {
        if !self.files.contains_key(path) {
            let read = match self.environment.source(path, self.settings) {
                _ if self.bytes > MOST_BYTES => Err("the source files are larger than 256 MB".to_owned()),
                Ok(text) => Ok(File { lines: lines(&text), text }),
                Err(why) => Err(why),
            };
            let text = read.as_ref().map_or(0, |file| file.text.len() + 16 * file.lines.len());
            self.bytes = self.bytes.saturating_add(text);
            self.files.insert(path.to_owned(), read);
        }
        // It was inserted if it was not there.
        const ABSENT: &Result<File, String> = &Err(String::new());
        self.files.get(path).unwrap_or(ABSENT)
    }
}

/// Where each line is, without its end: `\n` or `\r\n`.
fn lines(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        let shown = line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
        lines.push(start..start + shown.len());
        start += line.len();
    }
    lines
}
