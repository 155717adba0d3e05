//! JSON that is safe on a terminal.

use std::io::{self, Write};

use serde::Serialize;

use super::printable::is_unprintable;

/// Writes `value` as indented JSON with a newline, without building the whole text in memory. Characters that control a
/// terminal are escaped.
///
/// # Errors
/// Those of the writer.
pub fn write_json(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut out = Escaping(out);
    serde_json::to_writer_pretty(&mut out, value)?;
    out.write_all(b"\n")
}

/// Writes JSON with every character escaped that a terminal does not display or that reorders text.
///
/// JSON itself escapes only characters below U+0020 (RFC 8259, section 7). In JSON, characters beyond ASCII occur
/// only inside strings, where `\uXXXX` means the same to every reader.
#[derive(Debug)]
pub struct Escaping<W: Write>(pub W);

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Whole characters: serde_json writes strings in pieces that end at a character boundary.
        let Ok(text) = std::str::from_utf8(bytes) else { return self.0.write(bytes) };
        let must_be_escaped = |character: char| !character.is_ascii_control() && is_unprintable(character);
        let Some(at) = text.find(must_be_escaped) else {
            self.0.write_all(bytes)?;
            return Ok(bytes.len());
        };
        self.0.write_all(&bytes[..at])?;
        for character in text[at..].chars() {
            if must_be_escaped(character) {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(self.0, "\\u{unit:04x}")?;
                }
            } else {
                self.0.write_all(character.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn terminal_control_characters_are_escaped_and_keep_their_meaning() {
        let text = "a\u{1b}[31m\n\u{202e}b\u{9b}2J\u{e0001}«漢»";
        let mut written = Escaping(Vec::new());
        serde_json::to_writer_pretty(&mut written, &[text]).unwrap();
        let json = String::from_utf8(written.0).unwrap();
        assert_eq!(json, "[\n  \"a\\u001b[31m\\n\\u202eb\\u009b2J\\udb40\\udc01«漢»\"\n]");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [text]);
    }
}
