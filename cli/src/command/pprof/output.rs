//! Where a report goes: standard output, a file, or, where pprof keeps binary data off the terminal, a numbered file.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use rgops_inspect::output::{Numbered, OutputError, OutputFile};
use rgops_inspect::text::escape;
use rgops_pprof::report::{self, Format, ReportError, Request};
use rgops_pprof::{Profile, Stop};

use super::opened::Opened;
use super::texts::cut;
use crate::command::output::{lost, refused};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Writes the report to `file`, else to standard output, and its notices to standard error.
///
/// # Errors
/// If the report cannot be made or written.
pub(super) fn write(
    opened: &Opened,
    request: &Request,
    file: Option<&Path>,
    force: bool,
) -> Result<Exit, Failure> {
    let is_terminal = io::stdout().is_terminal();
    let notices = match (file, ending(request.format)) {
        (Some(file), _) if file.as_os_str() != "-" => {
            let output = OutputFile::create(file, force).map_err(|error| refused(&error))?;
            write_file(opened, request, output)?
        }
        (None, Some(ending)) if is_terminal => {
            let output = OutputFile::create_free(Path::new(""), Numbered::plain("profile", ending));
            write_file(opened, request, output.map_err(|error| refused(&error))?)?
        }
        _ if is_terminal => {
            let mut printable =
                Printable { to: BufWriter::with_capacity(64 * 1024, io::stdout().lock()), held: Vec::new() };
            let notices = settled(make(opened, request, &mut printable), opened)?;
            terminal::written(printable.finish())?;
            notices
        }
        _ => {
            let mut stdout = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
            let notices = settled(make(opened, request, &mut stdout), opened)?;
            terminal::written(stdout.flush())?;
            notices
        }
    };
    notices.iter().for_each(|notice| terminal::say(notice));
    Ok(Exit::Success)
}

fn make(opened: &Opened, request: &Request, to: &mut dyn Write) -> Result<Vec<String>, ReportError> {
    let mut notices = Vec::new();
    let made =
        report::write_noting(&opened.profile, request, &*opened.environment, Stop::never(), to, &mut notices);
    if made.is_err() {
        notices.drain(..).for_each(|notice| terminal::say(&notice));
    }
    made.map(|()| notices)
}

fn write_file(opened: &Opened, request: &Request, mut output: OutputFile) -> Result<Vec<String>, Failure> {
    terminal::say(&format!("Generating report in {}", output.path().display()));
    let notices = settled(make(opened, request, &mut output), opened)?;
    output.keep().map_err(|error: OutputError| lost(&error))?;
    Ok(notices)
}

/// The notices of a report. That the reader closed the pipe is not a failure.
fn settled(made: Result<Vec<String>, ReportError>, opened: &Opened) -> Result<Vec<String>, Failure> {
    match made {
        Ok(notices) => Ok(notices),
        Err(ReportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Vec::new()),
        Err(error) => Err(failure(&error, &opened.profile)),
    }
}

/// Why there is no report of `profile`.
pub(super) fn failure(error: &ReportError, profile: &Profile) -> Failure {
    let (exit, fix) = match error {
        ReportError::Option(why) => (Exit::Usage, fix(why, profile)),
        ReportError::NoMatch(_) => {
            (Exit::Usage, "rgops pprof -top FILE shows the names of functions".to_owned())
        }
        ReportError::TooLarge(_) => (
            Exit::Usage,
            "choose a part of it by -focus, or leave out small nodes by -nodefraction".to_owned(),
        ),
        _ => (Exit::Internal, String::new()),
    };
    Failure::new(exit, "cannot make the report", cut(&error.to_string()), fix)
}

/// What to write instead of an option that does not fit the profile.
fn fix(why: &str, profile: &Profile) -> String {
    let kinds: Vec<&str> = profile.sample_types.iter().map(|of| profile.text(of.kind)).collect();
    match () {
        () if why.contains(" regexp") => {
            "correct the pattern; escape what is meant as it is: \\( for (, \\[ for [, and quote it for the shell"
                .to_owned()
        }
        () if why.starts_with("OLD ") || why.contains(" in OLD ") => {
            "pass two profiles of one kind, or by -sample_index=TYPE a type that both have".to_owned()
        }
        () if why.contains("sample_index") => {
            format!("pass a type of this profile: {}", cut(&kinds.iter().map(|kind| format!("-sample_index={kind}")).collect::<Vec<_>>().join(", ")))
        }
        () if why.contains("zero divisor") => "pass a number other than 0: -divide_by=2".to_owned(),
        () if why.contains("-mean") => "omit -mean".to_owned(),
        () if why.contains("no samples") => "pass a profile with samples".to_owned(),
        () if why.contains("JSON") => "pass -json alone, or with -top or -tree".to_owned(),
        () if why.contains("too large") => "choose a part of it by -focus".to_owned(),
        () => "see rgops pprof --help for the values of options".to_owned(),
    }
}

/// What a numbered file ends with, for formats that are no text for a terminal.
fn ending(format: Format) -> Option<&'static str> {
    Some(match format {
        Format::Proto | Format::TopProto => ".pb.gz",
        Format::Callgrind => ".callgraph.out",
        Format::Svg | Format::Flame => ".svg",
        Format::Weblist => ".html",
        Format::Speedscope => ".speedscope.json",
        Format::Firefox => ".firefox.json",
        _ => return None,
    })
}

/// Text for a terminal: control characters are escaped.
struct Printable<W: Write> {
    to: W,
    /// The part of a line, or of a character, that is not complete yet.
    held: Vec<u8>,
}

/// The longest line that is held until its end.
const LONGEST_LINE: usize = 64 * 1024;

impl<W: Write> Printable<W> {
    fn print(&mut self, bytes: usize) -> io::Result<()> {
        let line: Vec<u8> = self.held.drain(..bytes).collect();
        let text = String::from_utf8_lossy(&line);
        for (place, part) in text.split('\n').enumerate() {
            if place > 0 {
                self.to.write_all(b"\n")?;
            }
            for (place, part) in part.split('\t').enumerate() {
                if place > 0 {
                    self.to.write_all(b"\t")?;
                }
                self.to.write_all(escape(part).as_bytes())?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.print(self.held.len())?;
        self.to.flush()
    }
}

impl<W: Write> Write for Printable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        match self.held.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => self.print(end + 1)?,
            None if self.held.len() > LONGEST_LINE => self.print(self.held.len())?,
            None => {}
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_control_characters() {
        let mut out = Vec::new();
        let mut printable = Printable { to: &mut out, held: Vec::new() };
        for part in ["a\x1b[2", "Jb\tc\n", "caf\u{e9}", "\u{9b}31m"] {
            assert!(printable.write_all(part.as_bytes()).is_ok());
        }
        assert!(printable.finish().is_ok());
        let text = String::from_utf8_lossy(&out).into_owned();
        assert!(
            !text.contains('\x1b') && !text.contains('\u{9b}') && text.contains("b\tc\ncaf\u{e9}"),
            "{text:?}"
        );
    }
}
