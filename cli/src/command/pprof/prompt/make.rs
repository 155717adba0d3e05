//! A command is carried out: a report on the screen or in a file, or a page.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use rgops_inspect::output::{NotAFile, Numbered, OutputError, OutputFile, Reason};
use rgops_pprof::Stop;
use rgops_pprof::report::{self, Format, ReportError, Request};

use super::commands::Makes;
use super::line::Call;
use super::page;
use super::screen::Screen;
use crate::command::pprof::opened::Opened;
use crate::exit::Failure;
use crate::terminal;

/// Set by Ctrl-C while a report is made.
pub(super) static STOPPED: AtomicBool = AtomicBool::new(false);

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(super) enum Failed {
    /// For people; the prompt goes on.
    Said(String),
    /// Nobody reads standard output any more.
    Unread,
}

impl From<String> for Failed {
    fn from(text: String) -> Failed {
        Failed::Said(text)
    }
}

/// The files that this session wrote: these alone are replaced without `--force`, so that a command can be repeated.
#[derive(Debug)]
pub(super) struct Written {
    force: bool,
    /// With the time of the last change and the length, by which the file of somebody else is told.
    files: HashMap<PathBuf, Stamp>,
}

type Stamp = (SystemTime, u64);

impl Written {
    /// None yet. `force` is that of the command line.
    pub(super) fn new(force: bool) -> Written {
        Written { force, files: HashMap::new() }
    }

    /// Opens the file for a report.
    fn create(&self, path: &Path) -> Result<OutputFile, Failed> {
        let file = match OutputFile::create(path, self.force) {
            Err(error) if matches!(error.reason, Reason::Exists) && self.is_own(&error.path) => {
                OutputFile::create(path, true)
            }
            created => created,
        };
        file.map_err(|error| match error.reason {
            Reason::Exists => Failed::Said(format!(
                "cannot write {}: the file already exists; fix: name another, or start rgops pprof with --force",
                error.path.display()
            )),
            _ => unwritten(&error),
        })
    }

    fn is_own(&self, path: &Path) -> bool {
        let written = self.files.get(path);
        written.is_some_and(|written| stamp(path).as_ref() == Some(written))
    }

    fn note(&mut self, path: &Path) {
        if let Some(stamp) = stamp(path) {
            self.files.insert(path.to_owned(), stamp);
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = path.symlink_metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Carries out `call`.
pub(super) fn make(call: &Call, opened: &Opened, written: &mut Written) -> Result<(), Failed> {
    STOPPED.store(false, Ordering::SeqCst);
    match (call.command.makes, &call.file) {
        (Makes::Elsewhere(instead), _) => {
            Err(format!("{} is not made by rgops: {instead}", call.command.name).into())
        }
        (Makes::Page(view, _), None) => {
            let address = page::show(view, call, opened).map_err(|failure| told(&failure))?;
            terminal::say(&format!("Open {address}"));
            Ok(())
        }
        (Makes::Text(format), None) => on_screen(call, format, opened),
        (Makes::File(format, suffix), None) => {
            let file = OutputFile::create_free(Path::new(""), Numbered::plain("profile", suffix));
            in_file(file.map_err(|error| unwritten(&error))?, call, format, opened).map(drop)
        }
        (Makes::Text(format) | Makes::File(format, _) | Makes::Page(_, format), Some(path))
            if path == "/dev/stdout" =>
        {
            on_screen(call, format, opened)
        }
        (Makes::Text(format) | Makes::File(format, _) | Makes::Page(_, format), Some(path))
            if path == "/dev/null" =>
        {
            report(opened, &request(call, format), Stop::when(&is_stopped), &mut std::io::sink())?;
            terminal::say(&format!("Generating report in {path}"));
            Ok(())
        }
        (Makes::Text(format) | Makes::File(format, _) | Makes::Page(_, format), Some(path)) => {
            let file = written.create(Path::new(path))?;
            written.note(&in_file(file, call, format, opened)?);
            Ok(())
        }
    }
}

fn request(call: &Call, format: Format) -> Request {
    Request { format, argument: call.argument.clone(), settings: call.settings.clone() }
}

fn is_stopped() -> bool {
    STOPPED.load(Ordering::SeqCst)
}

fn on_screen(call: &Call, format: Format, opened: &Opened) -> Result<(), Failed> {
    let stop = Stop::when(&is_stopped);
    let mut screen = Screen::stdout(stop);
    let written = report(opened, &request(call, format), stop, &mut screen);
    let ended = screen.end();
    written?;
    ended.map_err(|error| failed(ReportError::Write(error)))
}

fn in_file(mut file: OutputFile, call: &Call, format: Format, opened: &Opened) -> Result<PathBuf, Failed> {
    let stop = Stop::when(&is_stopped);
    report(opened, &request(call, format), stop, &mut file)?;
    // Its errors are those of `keep`.
    let _ = file.flush();
    let path = file.keep().map_err(|error| unwritten(&error))?;
    terminal::say(&format!("Generating report in {}", path.display()));
    Ok(path)
}

/// Writes a report, and says what is told beside it, also where the report fails then.
fn report(opened: &Opened, request: &Request, stop: Stop<'_>, to: &mut dyn Write) -> Result<(), Failed> {
    let mut notices = Vec::new();
    let environment = &*opened.environment;
    let made = report::write_noting(&opened.profile, request, environment, stop, to, &mut notices);
    notices.iter().for_each(|notice| terminal::say(notice));
    made.map_err(failed)
}

fn failed(error: ReportError) -> Failed {
    match error {
        _ if is_stopped() => Failed::Said("stopped".to_owned()),
        ReportError::Write(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Failed::Unread,
        error => Failed::Said(error.to_string()),
    }
}

fn unwritten(error: &OutputError) -> Failed {
    Failed::Said(format!("cannot write {}: {}; fix: {}", error.path.display(), error.reason, fix(error)))
}

/// What to do at the prompt, where there is no `--output`.
fn fix(error: &OutputError) -> String {
    use std::io::ErrorKind::{FileTooLarge, NotADirectory, NotFound, QuotaExceeded, StorageFull};
    match &error.reason {
        Reason::NotAFile(NotAFile::Directory) => "name a file in it",
        Reason::NotAFile(_) => "name a file, /dev/stdout or /dev/null",
        Reason::ForeignLink { leads_to, .. } | Reason::ReplaceableLink { leads_to, .. } => {
            return format!("if its current target is the file you want, name it: {}", leads_to.display());
        }
        Reason::KeptBeside { .. } => "rename it, or name another file next time",
        Reason::System(error) => match error.kind() {
            NotFound | NotADirectory => "create the directory first, or name a file in one that exists",
            StorageFull | QuotaExceeded => "free some space there, or name a file elsewhere",
            FileTooLarge => "raise the limit of the shell (ulimit -f)",
            _ => "name a file that this user can write",
        },
        _ => "name another file",
    }
    .to_owned()
}

fn told(failure: &Failure) -> String {
    match failure.fix.is_empty() {
        true => format!("{}: {}", failure.what, failure.why),
        false => format!("{}: {}; fix: {}", failure.what, failure.why, failure.fix),
    }
}
