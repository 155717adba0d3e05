//! A command is carried out: a report on the screen or in a file, or a page.

use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rgops_inspect::output::{Numbered, OutputError, OutputFile};
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

/// Carries out `call`.
pub(super) fn make(call: &Call, opened: &Opened) -> Result<(), Failed> {
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
            in_file(file.map_err(|error| unwritten(&error))?, call, format, opened)
        }
        (Makes::Text(format) | Makes::File(format, _) | Makes::Page(_, format), Some(path)) => {
            let file = OutputFile::create(Path::new(path), true);
            in_file(file.map_err(|error| unwritten(&error))?, call, format, opened)
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
    let written =
        report::write(&opened.profile, &request(call, format), &*opened.environment, stop, &mut screen);
    let ended = screen.end();
    match written {
        Ok(notices) => notices.iter().for_each(|notice| terminal::say(notice)),
        Err(error) => return Err(failed(error)),
    }
    ended.map_err(|error| failed(ReportError::Write(error)))
}

fn in_file(mut file: OutputFile, call: &Call, format: Format, opened: &Opened) -> Result<(), Failed> {
    let stop = Stop::when(&is_stopped);
    let notices =
        report::write(&opened.profile, &request(call, format), &*opened.environment, stop, &mut file);
    notices.map_err(failed)?.iter().for_each(|notice| terminal::say(notice));
    // Its errors are those of `keep`.
    let _ = file.flush();
    let path = file.keep().map_err(|error| unwritten(&error))?;
    terminal::say(&format!("Generating report in {}", path.display()));
    Ok(())
}

fn failed(error: ReportError) -> Failed {
    match error {
        _ if is_stopped() => Failed::Said("stopped".to_owned()),
        ReportError::Write(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Failed::Unread,
        error => Failed::Said(error.to_string()),
    }
}

fn unwritten(error: &OutputError) -> Failed {
    Failed::Said(format!("cannot write {}: {}; fix: {}", error.path.display(), error.reason, error.fix()))
}

fn told(failure: &Failure) -> String {
    match failure.fix.is_empty() {
        true => format!("{}: {}", failure.what, failure.why),
        false => format!("{}: {}; fix: {}", failure.what, failure.why, failure.fix),
    }
}
