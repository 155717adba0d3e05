//! The output file of a command. It is opened before the request, and its result is always reported at the end.
//! `-o -` is standard output; the text for the user then goes to standard error.

use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};
use std::path::Path;

use rgops_inspect::output::{Numbered, OutputError, OutputFile, Reason};
use rgops_inspect::session::Answer;

use super::print::print_by;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// The output file. Writing never fails: [`Output::keep`] reports errors.
pub(super) struct Output {
    /// `None` after [`Output::keep`].
    sink: Option<Sink>,
}

enum Sink {
    File(OutputFile),
    Stdout { out: BufWriter<Stdout>, failed: Option<io::Error> },
}

/// The result of writing the file.
pub(super) struct Saved {
    /// The path, if a file was written.
    pub(super) file: Option<String>,
    /// Whether the data went to standard output, and the text therefore goes to standard error.
    is_stdout: bool,
    failure: Option<Failure>,
}

impl Output {
    /// Opens the file, or one with the first free name of `names` if no file was given.
    ///
    /// # Errors
    /// If it cannot or must not be written there.
    pub(super) fn open(
        file: Option<&Path>,
        force: bool,
        json: bool,
        names: Numbered,
    ) -> Result<Output, Failure> {
        if file.is_some_and(|file| file.as_os_str() == "-") {
            if json {
                return Err(Failure::new(
                    Exit::Usage,
                    "cannot write to standard output",
                    "JSON is written there",
                    "pass --output FILE, or omit --json",
                ));
            }
            if io::stdout().is_terminal() && !force {
                return Err(Failure::new(
                    Exit::Usage,
                    "cannot write to standard output",
                    "it is a terminal, and the data is not text",
                    "send it to a file or a pipe: --output - > FILE",
                ));
            }
            let out = BufWriter::with_capacity(256 * 1024, io::stdout());
            return Ok(Output { sink: Some(Sink::Stdout { out, failed: None }) });
        }
        // An incomplete file has a temporary name. Ctrl-C must remove it.
        terminal::on_interrupt(|| terminal::give_up())?;
        let opened = match file {
            Some(file) => OutputFile::create(file, force),
            None => OutputFile::create_free(Path::new(""), names),
        };
        Ok(Output { sink: Some(Sink::File(opened.map_err(|error| refused(&error))?)) })
    }

    /// Moves the file to its path and prints that: `Profile saved to: …`.
    pub(super) fn keep(&mut self, what: &str) -> Saved {
        match self.sink.take() {
            None => Saved { file: None, is_stdout: false, failure: None },
            Some(Sink::File(file)) => match file.keep() {
                Ok(path) => {
                    let file = path.display().to_string();
                    terminal::say(&format!("{what} saved to: {file}"));
                    Saved { file: Some(file), is_stdout: false, failure: None }
                }
                Err(error) => Saved { file: None, is_stdout: false, failure: Some(lost(&error)) },
            },
            Some(Sink::Stdout { mut out, failed }) => {
                let result = failed.map_or_else(|| out.flush(), Err);
                Saved { file: None, is_stdout: true, failure: terminal::written(result).err() }
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Some(Sink::File(file)) => return file.write(bytes),
            Some(Sink::Stdout { out, failed }) if failed.is_none() => *failed = out.write_all(bytes).err(),
            _ => {}
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Some(Sink::File(file)) => return file.flush(),
            Some(Sink::Stdout { out, failed }) if failed.is_none() => *failed = out.flush().err(),
            _ => {}
        }
        Ok(())
    }
}

impl Saved {
    /// Prints the saved answer, then `next`: what to do with the file. This ends the command.
    ///
    /// # Errors
    /// The failure of the file, else that of the answer. If there are both, both are printed.
    pub(super) fn print<A: Answer>(
        self,
        answer: &A,
        view: &A::View,
        json: bool,
        next: impl FnOnce(&str) -> String,
    ) -> Result<Exit, Failure> {
        let answered = print_by(answer, view, json, |text| {
            self.print_text(text)?;
            if let Some(file) = &self.file {
                terminal::say(&next(file));
            }
            Ok(())
        });
        self.end(answered)
    }

    pub(super) fn print_text(&self, text: &str) -> Result<(), Failure> {
        match self.is_stdout {
            true => {
                terminal::print_aside(text);
                Ok(())
            }
            false => terminal::print(text),
        }
    }

    /// Ends the command with `answered`, or with the failure of the file. If there are two failures, both are
    /// printed.
    ///
    /// # Errors
    /// The failure of the file, else that of the answer.
    pub(super) fn end(self, answered: Result<Exit, Failure>) -> Result<Exit, Failure> {
        let Some(failure) = self.failure else { return answered };
        if let Err(answered) = answered {
            terminal::print_failure(&answered);
        }
        Err(failure)
    }
}

/// The failure to open the file, before the request.
pub(super) fn refused(error: &OutputError) -> Failure {
    let exit = match &error.reason {
        Reason::System(system) => match system.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
                Exit::Usage
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Exit::Refused,
            _ => Exit::Internal,
        },
        _ => Exit::Usage,
    };
    failure(exit, error)
}

/// The failure to write or save the file, after the request.
pub(super) fn lost(error: &OutputError) -> Failure {
    let mut failure = failure(Exit::Internal, error);
    if !matches!(error.reason, Reason::KeptBeside { .. }) {
        failure.why.push_str("; the file is lost, only the printed output remains");
    }
    failure
}

fn failure(exit: Exit, error: &OutputError) -> Failure {
    let what = format!("cannot write {}", error.path.display());
    Failure::new(exit, what, error.reason.to_string(), error.fix())
}
