//! Standard output for a report: on a terminal nothing of a profile can control it, and Ctrl-C ends the report.

use std::io::{self, IsTerminal as _, Write};

use rgops_inspect::text::escape;
use rgops_pprof::Stop;

/// Text without a line end that is held at most.
const MAX_HELD_BYTES: usize = 64 * 1024;

/// A report on its way to `out`.
pub(super) struct Screen<'s, W: Write> {
    out: io::BufWriter<W>,
    is_escaped: bool,
    /// The begin of a line; characters can be split between two writes.
    held: Vec<u8>,
    stop: Stop<'s>,
}

impl<'s> Screen<'s, io::StdoutLock<'static>> {
    pub(super) fn stdout(stop: Stop<'s>) -> Self {
        Screen::new(io::stdout().lock(), io::stdout().is_terminal(), stop)
    }
}

impl<'s, W: Write> Screen<'s, W> {
    fn new(out: W, is_escaped: bool, stop: Stop<'s>) -> Self {
        Screen { out: io::BufWriter::with_capacity(MAX_HELD_BYTES, out), is_escaped, held: Vec::new(), stop }
    }

    /// Writes what is held.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn end(mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        self.write_escaped(&held)?;
        self.out.flush()
    }

    fn write_escaped(&mut self, text: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(text);
        for (number, part) in text.split('\t').enumerate() {
            if number > 0 {
                self.out.write_all(b"\t")?;
            }
            self.out.write_all(escape(part).as_bytes())?;
        }
        Ok(())
    }
}

impl<W: Write> Write for Screen<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Not `Interrupted`: that means to try again.
        self.stop.check().map_err(io::Error::other)?;
        if !self.is_escaped {
            return self.out.write(bytes);
        }
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.held.extend_from_slice(part.strip_suffix(b"\n").unwrap_or(part));
            if part.ends_with(b"\n") {
                let held = std::mem::take(&mut self.held);
                self.write_escaped(&held)?;
                self.out.write_all(b"\n")?;
            } else if self.held.len() > MAX_HELD_BYTES {
                let held = std::mem::take(&mut self.held);
                let whole = whole_characters(&held);
                self.write_escaped(held.get(..whole).unwrap_or_default())?;
                self.held = held.get(whole..).unwrap_or_default().to_vec();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// How many bytes of `text` are whole characters: the last one may be incomplete.
fn whole_characters(text: &[u8]) -> usize {
    match std::str::from_utf8(text) {
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => error.valid_up_to(),
        _ => text.len(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_control_characters_and_a_file_gets_all() {
        let stop = Stop::never();
        let mut written = Vec::new();
        let mut screen = Screen::new(&mut written, true, stop);
        for part in [&b"a\x1b[2J\tb\n\xe2\x82"[..], b"\xac\r", b"end"] {
            screen.write_all(part).unwrap();
        }
        screen.end().unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "a\\x1b[2J\tb\n€\\rend");
        let mut written = Vec::new();
        let mut screen = Screen::new(&mut written, false, stop);
        screen.write_all(b"a\x1b\xff").unwrap();
        screen.end().unwrap();
        assert_eq!(written, b"a\x1b\xff");
    }

    #[test]
    fn a_stopped_report_is_not_written_on() {
        let mut written = Vec::new();
        let mut screen = Screen::new(&mut written, true, Stop::when(&|| true));
        assert!(screen.write_all(b"text\n").is_err());
        drop(screen);
        assert_eq!(written, b"");
    }
}
